"""One plan in a process of its own, within limits: ``python -m workers.quota_approval.planning.child``.

Standard input: a line of JSON (`Order`), then as many bytes as it says: tables (JSON packed by zlib), or a plan to be
changed. Standard output: a line of JSON that says how many bytes the plan has, and those bytes; or one with an error in
words. What libraries print goes to standard error. When standard input closes, the process ends.
"""

from __future__ import annotations

import json
import resource
import sys
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from workers.child_side import Answers, end_with_who_asked
from workers.quota_approval.planning.adjusting import adjust
from workers.quota_approval.planning.errors import InputError, QuotaError
from workers.quota_approval.planning.plan import QuotaPlan
from workers.quota_approval.planning.reading import read_tables
from workers.quota_approval.planning.rules import Rules
from workers.quota_approval.planning.running import run_plan


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done, with which limits."""

    size: int
    """Bytes that follow."""
    memory_mb: int
    rules: Mapping[str, Any] | None = None  # Any: JSON
    """Plan by these rules; None: change a plan."""
    concerned: tuple[str, ...] = ()
    """Reps and units whose quotas may move; all others keep those that they have; empty: all may."""
    held: Mapping[str, int] | None = None
    """Cents of those that keep theirs."""
    node: str = ""
    cents: int = 0
    reason: str = ""

    def to_line(self) -> bytes:
        """A line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> Order:
        """What `to_line` wrote."""
        found = json.loads(line)
        return Order(**found | {"concerned": tuple(found["concerned"])})


def work(order: Order, content: bytes) -> QuotaPlan:
    """Make or change a plan.

    Raises:
        QuotaError: saying why it cannot be done.
    """
    if order.rules is None:
        return adjust(QuotaPlan.from_bytes(content), order.node, order.cents, order.reason)
    try:
        rules = Rules.model_validate(order.rules)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "rules"
        raise InputError(f"rules: {where}: {first['msg']}") from error
    tables = json.loads(zlib.decompress(content))
    if order.held is not None:
        tables["bounds"] = _held(tables, order)
    numbered = {name: list(enumerate(rows, 2)) for name, rows in tables.items()}
    reading = read_tables(numbered, currency=rules.currency)
    return run_plan(reading.inputs, rules, problems=reading.problems)


def _held(tables: Mapping[str, list[dict[str, str]]], order: Order) -> list[dict[str, str]]:
    """Bounds by which all reps keep their quotas but those who are concerned, or whose unit is."""
    parents = {row["unit"]: row["parent"] for row in tables["units"]}
    period = order.rules["period"] if order.rules else ""
    held = dict(order.held or {})
    locked = []
    for row in tables["reps"]:
        if row["period"] == period and row["rep"] in held:
            path, unit = {row["rep"]}, row["unit"]
            while unit and unit not in path:
                path.add(unit)
                unit = parents.get(unit, "")
            if not path & set(order.concerned):
                amount = str(Decimal(held[row["rep"]]) / 100)
                locked.append({"node": row["rep"], "lock": amount, "reason": "not concerned", "floor": "", "cap": ""})
    names = {one["node"] for one in locked}
    return [row for row in tables.get("bounds", []) if row["node"] not in names] + locked


def main() -> None:
    """Work on one order."""
    answers = Answers()
    order = Order.from_line(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_DATA, (order.memory_mb << 20, order.memory_mb << 20))
    content = sys.stdin.buffer.read(order.size)
    end_with_who_asked()
    try:
        made = work(order, content).to_bytes()
    except QuotaError as error:
        answers.line({"error": str(error)})
    except MemoryError:
        answers.line({"error": f"the plan needs more than {order.memory_mb} MB"})
    else:
        answers.parts(size=made)


if __name__ == "__main__":
    main()
