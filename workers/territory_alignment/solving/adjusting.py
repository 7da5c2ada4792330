"""From one plan to the next: locks and edits by people, a rep who leaves or joins; little else moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

import numpy as np

from workers.territory_alignment.solving.aligning import Anchor, align
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.organisation import NONE, Account, Organisation, Rep, Rules
from workers.territory_alignment.solving.plan import Plan
from workers.territory_alignment.solving.running import Limits, Tell


@dataclass(frozen=True)
class Change:
    """What is different from the plan before."""

    locked: Mapping[str, str] = field(default_factory=dict)
    """Account → the rep who must have it from now on."""
    forbidden: AbstractSet[tuple[str, str]] = NONE
    """Account and rep that must not be from now on."""
    leaving: AbstractSet[str] = NONE
    joining: Sequence[Rep] = ()
    published: bool = False
    """The plan is in force: its owners are today's. Otherwise it is a proposal, and today's owners are as they were."""
    stay: float = 5.0
    """Points for each percent of the accounts that leaves its rep in the plan for another; those who join cost neither that nor
    continuity, so that they get a territory."""


def adjust(
    plan: Plan, change: Change, limits: Limits, *, tell: Tell | None = None, stop: Callable[[], bool] | None = None
) -> Plan:
    """Plan anew around a change, beginning with the plan and staying near it.

    Raises:
        InputError: if a name is not in the plan, or one who joins is.
        ClashError: if the change cannot hold together with the rules.
        NoTimeError: if the time was too short.
    """
    before = plan.organisation
    organisation = _changed(before, change, plan)
    at = {rep.id: k for k, rep in enumerate(organisation.reps)}
    anchor = Anchor(
        np.array([at.get(before.reps[k].id, -1) for k in plan.owner], np.int64),
        change.stay,
        [at[rep.id] for rep in change.joining],
    )
    return align(organisation, plan.weights, limits, anchor=anchor, tell=tell, stop=stop)


def _changed(before: Organisation, change: Change, plan: Plan) -> Organisation:
    reps, accounts = {rep.id for rep in before.reps}, {account.id for account in before.accounts}
    unknown = sorted(change.leaving - reps)
    unknown += sorted({name for name, _ in [*change.locked.items(), *change.forbidden]} - accounts)
    after = (reps - change.leaving) | {rep.id for rep in change.joining}
    unknown += sorted({rep for _, rep in [*change.locked.items(), *change.forbidden]} - after)
    if unknown:
        raise InputError(f"{plan.version} has nobody and nothing named {', '.join(unknown)}")
    twice = sorted(reps & {rep.id for rep in change.joining})
    if twice:
        raise InputError(f"{', '.join(twice)} cannot join: {plan.version} has them already")
    rules = before.rules
    stays = {account: rep for account, rep in rules.locked.items() if rep not in change.leaving}
    named = {account: frozenset(team - change.leaving) for account, team in rules.named.items()}
    return replace(
        before,
        accounts=_owned(before, plan) if change.published else before.accounts,
        reps=(*(rep for rep in before.reps if rep.id not in change.leaving), *change.joining),
        rules=Rules(
            rules.industry_skills,
            # Who was named for an account and is gone leaves it to anybody if there is nobody else.
            {account: team for account, team in named.items() if team},
            stays | dict(change.locked),
            frozenset(pair for pair in rules.forbidden if pair[1] not in change.leaving) | frozenset(change.forbidden),
            rules.maximum_load,
        ),
    )


def _owned(before: Organisation, plan: Plan) -> tuple[Account, ...]:
    return tuple(
        account
        if account.owner == before.reps[k].id
        else replace(account, owner=before.reps[k].id, relationship_years=0.0)
        for account, k in zip(before.accounts, plan.owner, strict=True)
    )
