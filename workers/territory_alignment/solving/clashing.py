"""Which hard rules cannot hold together: irreducible sets of them, in words.

A rule here is what a person could drop: a skill that accounts ask for, a language, the named reps of an account, a lock, a
forbidden pair, a rep's maximum load. A set is irreducible if the rest of it could hold once any one is dropped; it is
found by the deletion filter (Chinneck & Dravnieks, "Locating Minimal Infeasible Constraint Sets in Linear Programs", ORSA
Journal on Computing 3, 1991), which begins with the rules that the dual of an LP with slacks points at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workers.territory_alignment.solving.exactly import Flags, solve_exactly
from workers.territory_alignment.solving.flowing import Shortage, shortage
from workers.territory_alignment.solving.geography import Floats
from workers.territory_alignment.solving.model import Model, limits, needed_skills, room
from workers.territory_alignment.solving.organisation import Account, Organisation

SHOWN = 5
"""Names that a sentence gives before it counts the rest."""
CHECK_SECONDS = 10.0
"""For each exact check of whether whole accounts fit."""


@dataclass(frozen=True, order=True)
class Rule:
    """One rule that somebody could drop."""

    kind: str
    """`skill`, `language`, `named`, `locked`, `forbidden` or `maximum_load`."""
    subject: str
    """The skill, the language, the account (and rep), or the rep."""


@dataclass(frozen=True)
class Clash:
    """Rules that cannot hold together."""

    rules: tuple[Rule, ...]
    text: str
    accounts: tuple[str, ...]
    """Those that cannot all be given to somebody."""
    irreducible: bool = True
    """False if time was too short to see whether each rule is needed for the clash."""


@dataclass(frozen=True)
class _Demands:
    """Accounts x reps: what each rule allows. A pair is allowed if every rule on it does."""

    organisation: Organisation
    by_account: Sequence[Mapping[Rule, Flags]]
    work: Floats
    limit: Floats

    @classmethod
    def of(cls, organisation: Organisation) -> _Demands:
        reps, rules = organisation.reps, organisation.rules
        at = {rep.id: k for k, rep in enumerate(reps)}
        skilled: dict[str, Flags] = {}
        speaking: dict[frozenset[str], Flags] = {}
        forbidden: defaultdict[str, list[str]] = defaultdict(list)
        for name, rep in sorted(rules.forbidden):
            forbidden[name].append(rep)

        def only(names: Sequence[str], *, but: bool = False) -> Flags:
            found = np.full(len(reps), but)
            found[[at[name] for name in names]] = not but
            return found

        def asked(account: Account) -> dict[Rule, Flags]:
            found = {}
            for skill in sorted(needed_skills(organisation, account)):
                if skill not in skilled:
                    skilled[skill] = np.array([skill in rep.skills for rep in reps])
                found[Rule("skill", skill)] = skilled[skill]
            if spoken := frozenset(account.languages):
                if spoken not in speaking:
                    speaking[spoken] = np.array([bool(spoken & rep.languages) for rep in reps])
                found[Rule("language", " or ".join(sorted(spoken)))] = speaking[spoken]
            if account.id in rules.named:
                found[Rule("named", account.id)] = only(sorted(rules.named[account.id]))
            if account.id in rules.locked:
                found[Rule("locked", account.id)] = only([rules.locked[account.id]])
            for rep in forbidden[account.id]:
                found[Rule("forbidden", f"{account.id} to {rep}")] = only([rep], but=True)
            return found

        accounts = organisation.accounts
        return cls(
            organisation,
            [asked(account) for account in accounts],
            np.array([account.workload for account in accounts]),
            limits(organisation),
        )

    def allowed(self, active: set[Rule], rows: Sequence[int]) -> Flags:
        """Rows x reps, under some of the rules; a rep whose limit is less than the account's work can't have it."""
        reps = len(self.limit)
        found = np.ones((len(rows), reps), bool)
        for line, i in enumerate(rows):
            for rule, flags in self.by_account[i].items():
                if rule in active:
                    found[line] &= flags
        limit = self.limits(active)
        return found & (self.work[list(rows), None] <= room(limit))

    def limits(self, active: set[Rule]) -> Floats:
        """By rep, infinite where its rule is not active."""
        kept = [Rule("maximum_load", rep.id) in active for rep in self.organisation.reps]
        return np.where(kept, self.limit, np.inf)

    def loads(self) -> list[Rule]:
        """The rules on loads."""
        reps = self.organisation.reps
        return [Rule("maximum_load", rep.id) for rep, limit in zip(reps, self.limit, strict=True) if np.isfinite(limit)]


def find_clashes(organisation: Organisation, *, exact: bool = False) -> list[Clash]:
    """Sets of hard rules that cannot hold together; none if all can.

    First accounts that nobody may have, each set once with its accounts; else one set that loads are part of.

    Args:
        organisation: what is to be planned.
        exact: also look, by a MIP of some seconds a check, whether whole accounts fit where fractions of them would.
    """
    demands = _Demands.of(organisation)
    every = {rule for rules in demands.by_account for rule in rules} | set(demands.loads())
    rows = list(range(len(organisation.accounts)))
    nobody = np.flatnonzero(~demands.allowed(every, rows).any(axis=1))
    if len(nobody):
        return _for_nobody(demands, nobody.tolist())
    clash = _too_much(demands, rows, every, exact=exact)
    return [] if clash is None else [clash]


def _for_nobody(demands: _Demands, rows: Sequence[int]) -> list[Clash]:
    found: defaultdict[tuple[Rule, ...], list[int]] = defaultdict(list)
    loads = demands.loads()
    for i in rows:

        def impossible(active: set[Rule], i: int = i) -> bool:
            return not demands.allowed(active, [i]).any()

        found[tuple(_filtered([*loads, *demands.by_account[i]], impossible))].append(i)
    return [_nobody_text(demands, rules, some) for rules, some in found.items()]


def _too_much(demands: _Demands, rows: list[int], every: set[Rule], *, exact: bool) -> Clash | None:
    """One set of rules under which the reps' limits are too small for the accounts."""

    def short(active: set[Rule]) -> Shortage:
        return shortage(demands.allowed(active, rows), demands.work, demands.limits(active))

    undecided = False

    def impossible(active: set[Rule]) -> bool:
        nonlocal undecided
        if short(active).work > 0:
            return True
        if not exact:
            return False
        allowed, limit = demands.allowed(active, rows), demands.limits(active)
        fits = Model(np.where(allowed, 0.0, np.inf), np.broadcast_to(demands.work[:, None], allowed.shape), limit)
        answer = solve_exactly(fits, seconds=CHECK_SECONDS)
        undecided |= not answer.finished and answer.owner is None
        return answer.finished and answer.owner is None

    first = short(every)
    if first.work > 0:
        # Only rules on the accounts that are confined to full reps, and those reps' limits, can matter.
        names = demands.organisation.reps
        inside = [Rule("maximum_load", names[k].id) for k in np.flatnonzero(first.full)]
        inside += sorted({rule for i in np.flatnonzero(first.confined).tolist() for rule in demands.by_account[i]})
        start = inside if impossible(set(inside)) else sorted(every)
    elif exact and impossible(every):
        start = sorted(every)
    else:
        return None
    undecided = False
    kept = _filtered(start, impossible)
    return _load_text(demands, kept, rows, irreducible=not undecided)


def _filtered(rules: Sequence[Rule], impossible: Callable[[set[Rule]], bool]) -> list[Rule]:
    """The deletion filter, by halves: rules that are not needed for the clash go, many at a time where they can."""
    active = dict.fromkeys(rules)
    waiting = [list(active)]
    while waiting:
        some = waiting.pop()
        if impossible(active.keys() - set(some)):
            for rule in some:
                del active[rule]
        elif len(some) > 1:
            half = len(some) // 2
            waiting += [some[half:], some[:half]]
    return list(active)


def _names(names: Sequence[str]) -> str:
    if len(names) <= SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN:,} more"


def _words(demands: _Demands, rules: Sequence[Rule]) -> str:
    """The rules, numbered, those on loads as one."""
    texts = []
    organisation = demands.organisation
    for rule in rules:
        match rule.kind:
            case "skill":
                texts.append(f"accounts that need the skill {rule.subject!r} go to reps who have it")
            case "language":
                texts.append(f"accounts that need {rule.subject} go to reps who speak it")
            case "named":
                texts.append(f"{rule.subject} goes only to {_names(sorted(organisation.rules.named[rule.subject]))}")
            case "locked":
                texts.append(f"{rule.subject} is locked to {organisation.rules.locked[rule.subject]}")
            case "forbidden":
                texts.append(f"{rule.subject} is forbidden")
    reps = {rep.id: k for k, rep in enumerate(organisation.reps)}
    loads = [rule.subject for rule in rules if rule.kind == "maximum_load"]
    if loads:
        hours = sum(demands.limit[reps[name]] for name in loads)
        texts.append(f"no load exceeds its maximum at {_names(loads)} ({hours:,.0f} hours together)")
    return "; ".join(f"({number}) {text}" for number, text in enumerate(texts, start=1))


def _nobody_text(demands: _Demands, rules: tuple[Rule, ...], rows: list[int]) -> Clash:
    names = [demands.organisation.accounts[i].id for i in rows]
    who = f"account {names[0]}" if len(names) == 1 else f"any of {len(names):,} accounts ({_names(names)})"
    if len(rules) == 1 and rules[0].kind in {"skill", "language"}:
        verb = "has the skill" if rules[0].kind == "skill" else "speaks"
        text = f"Nobody may have {who}: no rep {verb} {rules[0].subject}, which they need."
    else:
        text = f"Nobody may have {who}: {_words(demands, rules)} cannot hold together; drop one of them."
    return Clash(rules, text, tuple(names))


def _load_text(demands: _Demands, rules: list[Rule], rows: list[int], *, irreducible: bool) -> Clash:
    active = set(rules)
    allowed, limit = demands.allowed(active, rows), demands.limits(active)
    confined = np.flatnonzero(~(allowed & np.isinf(limit)).any(axis=1))
    names = [demands.organisation.accounts[i].id for i in confined]
    work, room = float(demands.work[confined].sum()), float(limit[np.isfinite(limit)].sum())
    if work > room:
        why = f"{len(names):,} accounts ({_names(names)}) have {work:,.1f} hours and can only go to reps who may carry {room:,.1f}"
    else:
        why = f"{len(names):,} accounts ({_names(names)}) do not fit as a whole, though their {work:,.1f} hours would"
    end = (
        "drop or loosen one of them."
        if irreducible
        else "whether each of them is needed for that was not proven in time."
    )
    return Clash(
        tuple(rules),
        f"These rules cannot hold together: {_words(demands, rules)}. {why}; {end}",
        tuple(names),
        irreducible,
    )
