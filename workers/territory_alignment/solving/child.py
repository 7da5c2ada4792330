"""One search in a process of its own, with limits: ``python -m workers.territory_alignment.solving.child``.

Standard input: a line of JSON (`order.Order`) and the plan before, if there is one. It stays open: when it closes, who asked
is gone, and the process ends. Standard output: a line of JSON for each step forward, then one with the sizes of the plan and
of its picture, and their bytes; or one with an error in words. What libraries print goes to standard error.
"""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from workers.child_side import Answers, end_with_who_asked
from workers.territory_alignment.solving import charts
from workers.territory_alignment.solving.adjusting import Change, adjust
from workers.territory_alignment.solving.aligning import align
from workers.territory_alignment.solving.clashing import Rule
from workers.territory_alignment.solving.errors import ClashError, InputError, NoTimeError, NoWayError
from workers.territory_alignment.solving.frames import account_frame, rep_frame, rule_frame
from workers.territory_alignment.solving.loosening import without, words
from workers.territory_alignment.solving.order import ClashKind, Order, Row
from workers.territory_alignment.solving.organisation import Organisation, Weights
from workers.territory_alignment.solving.plan import Plan
from workers.territory_alignment.solving.reading import Reading, Table, read_tables
from workers.territory_alignment.solving.running import Limits, Progress, Tell

GAP = 1e-4


def main() -> None:
    """Work on one order."""
    answers = Answers()
    order, size = Order.from_line(sys.stdin.buffer.readline())
    before = sys.stdin.buffer.read(size)
    end_with_who_asked()
    resource.setrlimit(resource.RLIMIT_DATA, (order.memory_mb * 2**20, order.memory_mb * 2**20))

    def tell(step: Progress) -> None:
        found = {"score": step.value, "bound": step.bound}
        shown = {name: value if math.isfinite(value) else None for name, value in found.items()}
        answers.line({"stage": step.stage, "seconds": step.seconds} | shown)

    try:
        plan = _adjusted(Plan.from_bytes(before), order, tell) if before else _aligned(order, tell)
        content, picture = plan.to_bytes(), charts.png(plan)
    except ClashError as error:
        _refuse(answers, "rules", str(error), [rule for clash in error.clashes for rule in clash.rules])
    except (NoTimeError, NoWayError) as error:
        _refuse(answers, "time", str(error))
    except InputError as error:
        _refuse(answers, "input", str(error))
    except MemoryError:
        _refuse(answers, "time", f"the search ran out of its {order.memory_mb} MB of memory")
    else:
        answers.parts(size=content, picture=picture)


def _read(order: Order) -> Reading:
    def table(name: str, rows: Sequence[Row]) -> Table:
        return Table(name, pd.DataFrame(rows, dtype=str))

    rules = table("rules", order.rules) if order.rules else None
    return read_tables(table("accounts", order.accounts), table("reps", order.reps), rules, name=order.name)


def _limits(order: Order) -> Limits:
    return Limits(order.seconds, None, GAP, order.seed)


def _aligned(order: Order, tell: Tell) -> Plan:
    reading = _read(order)
    return align(
        _loosened(reading.organisation, order),
        Weights(**order.weights),
        _limits(order),
        problems=reading.problems,
        leave_out=order.leave_out,
        tell=tell,
    )


def _adjusted(before: Plan, order: Order, tell: Tell) -> Plan:
    change = Change(
        locked=dict(order.locked),
        forbidden=frozenset((account, rep) for account, rep in order.forbidden),
        leaving=frozenset(order.leaving),
        joining=[rep for rep in _read(order).organisation.reps if rep.id in order.joining] if order.joining else [],
        published=order.published,
    )
    if order.dropped:
        loosened = _loosened(before.organisation, order)
        accounts, reps = account_frame(loosened), rep_frame(loosened)
        before = replace(
            before,
            accounts=before.accounts.assign(skills=accounts["skills"], languages=accounts["languages"]),
            reps=before.reps.assign(maximum_load=reps["maximum_load"]),
            rules=rule_frame(loosened),
        )
    return adjust(before, change, _limits(order), tell=tell)


def _loosened(organisation: Organisation, order: Order) -> Organisation:
    for kind, subject in order.dropped:
        organisation = without(organisation, Rule(kind, subject))
    return organisation


def _refuse(answers: Answers, kind: ClashKind, why: str, rules: Sequence[Rule] = ()) -> None:
    answers.line({"error": why, "kind": kind, "rules": [[rule.kind, rule.subject, words(rule)] for rule in rules]})


if __name__ == "__main__":
    main()
