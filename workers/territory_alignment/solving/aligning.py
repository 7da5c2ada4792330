"""From an organisation to a plan that can be stored, shown and adjusted."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from workers.archive import digest
from workers.territory_alignment.solving import model as models
from workers.territory_alignment.solving.clashing import find_clashes
from workers.territory_alignment.solving.errors import ClashError, NoTimeError, NoWayError
from workers.territory_alignment.solving.explaining import reasons
from workers.territory_alignment.solving.frames import account_frame, rep_frame, rule_frame
from workers.territory_alignment.solving.geography import Floats, Ints, distances
from workers.territory_alignment.solving.kpis import kpis
from workers.territory_alignment.solving.organisation import Organisation, Weights
from workers.territory_alignment.solving.plan import Plan
from workers.territory_alignment.solving.reading import Problem
from workers.territory_alignment.solving.running import Limits, Solution, Tell, solve

LIBRARIES = ("numpy", "pandas", "scipy")


@dataclass(frozen=True)
class Anchor:
    """A plan to stay near."""

    owner: Ints
    """By account, the position of its rep; -1 where the account is free to go anywhere."""
    points: float
    """For each percent of the accounts that leaves its rep."""
    free: Sequence[int] = ()
    """Positions of reps who joined: what goes to them costs nothing here, and no continuity."""

    def cost(self, moving: Floats, reps: int) -> Floats:
        """Accounts x reps: points to add to the model's, whose points for continuity are `moving` by account."""
        held = self.owner >= 0
        found = np.where(held[:, None], self.points * 100.0 / len(held), 0.0) * np.ones(reps)
        found[np.flatnonzero(held), self.owner[held]] = 0.0
        found[:, list(self.free)] = -moving[:, None]
        return found


def align(
    organisation: Organisation,
    weights: Weights,
    limits: Limits,
    *,
    problems: Sequence[Problem] = (),
    leave_out: bool = False,
    anchor: Anchor | None = None,
    tell: Tell | None = None,
    stop: Callable[[], bool] | None = None,
) -> Plan:
    """Give each account a rep.

    Args:
        organisation: what is to be planned.
        weights: what is weighed.
        limits: when to stop.
        problems: of the reading; kept with the plan.
        leave_out: plan without the accounts that nobody may have, instead of refusing all.
        anchor: a plan to begin with and to stay near.
        tell: called with each step forward.
        stop: asked between steps; when it says so, the best plan until then is the answer.

    Raises:
        ClashError: if hard rules cannot hold together.
        NoTimeError: if the time was too short for a plan that keeps them.
    """
    clashes = find_clashes(organisation)
    if clashes and leave_out:
        organisation, left_out = _without(organisation, [name for clash in clashes for name in clash.accounts])
        problems = [*problems, *(Problem(organisation.name, "left_out", clash.text) for clash in clashes)]
        anchor = None if anchor is None else replace(anchor, owner=anchor.owner[~left_out])
        clashes = find_clashes(organisation)
    if clashes:
        raise ClashError(clashes)
    model = models.build(organisation, weights)
    if anchor is not None:
        model = replace(model, cost=model.cost + anchor.cost(models.moving(organisation, weights), model.size[1]))
    try:
        solution = solve(model, limits, start=None if anchor is None else anchor.owner, tell=tell, stop=stop)
    except (NoTimeError, NoWayError) as error:
        # The accounts would fit if they could be divided; perhaps they cannot as a whole.
        if clashes := find_clashes(organisation, exact=True):
            raise ClashError(clashes) from None
        if isinstance(error, NoWayError):
            raise
        raise NoTimeError(error.seconds, error.over, [organisation.reps[k].id for k in error.over]) from None
    return _plan(organisation, weights, limits, solution, problems, anchor)


def _without(
    organisation: Organisation, names: Sequence[str]
) -> tuple[Organisation, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    gone = set(names)
    rules = organisation.rules
    kept = replace(
        organisation,
        accounts=tuple(one for one in organisation.accounts if one.id not in gone),
        rules=replace(
            rules,
            named={name: team for name, team in rules.named.items() if name not in gone},
            locked={name: rep for name, rep in rules.locked.items() if name not in gone},
            forbidden=frozenset(pair for pair in rules.forbidden if pair[0] not in gone),
        ),
    )
    return kept, np.array([one.id in gone for one in organisation.accounts])


def _plan(
    organisation: Organisation,
    weights: Weights,
    limits: Limits,
    solution: Solution,
    problems: Sequence[Problem],
    anchor: Anchor | None,
) -> Plan:
    owner = solution.owner
    names = np.array([rep.id for rep in organisation.reps])
    libraries = {name: importlib.metadata.version(name) for name in LIBRARIES}
    accounts, reps = _accounts(organisation, owner, names, weights), _reps(organisation, owner)
    content = {"data": organisation.digest(), "weights": asdict(weights), "owners": accounts["rep"].tolist()}
    card = {
        "version": f"{organisation.name}-{digest(content)}",
        "name": organisation.name,
        "format": Plan.form,
        "data": content["data"],
        "weights": content["weights"],
        "limits": asdict(limits),
        "anchor_points": None if anchor is None else anchor.points,
        "score": solution.value,
        "bound": solution.bound,
        "relaxation": solution.relaxed,
        "gap": solution.gap if np.isfinite(solution.gap) else None,
        "proven": proven(solution),
        "seconds": round(solution.seconds, 2),
        "rounds": solution.rounds,
        "libraries": libraries,
        "kpis": asdict(kpis(organisation, owner)),
        "today": asdict(kpis(organisation, models.owners(organisation))),
    }
    trace = pd.DataFrame([asdict(step) for step in solution.trace], columns=["seconds", "stage", "value", "bound"])
    told = pd.DataFrame([asdict(one) for one in problems], columns=["where", "rule", "text"])
    return Plan(card, accounts, reps, rule_frame(organisation), trace, told)


def proven(solution: Solution) -> str:
    """What the bound says, in words."""
    by = (
        "the LP relaxation"
        if solution.bound <= solution.relaxed
        else "the relaxation, neighbours priced, or the whole as a MIP"
    )
    if solution.gap <= 1e-9:
        return f"No plan that keeps the hard rules has a lower score than {solution.value:.4f} ({by})."
    return (
        f"No plan that keeps the hard rules has a score below {solution.bound:.4f} ({by}); this one has {solution.value:.4f}, "
        f"at most {solution.gap:.2%} above the best possible."
    )


def _accounts(
    organisation: Organisation, owner: Ints, names: np.ndarray[tuple[int], np.dtype[np.str_]], weights: Weights
) -> pd.DataFrame:
    frame = account_frame(organisation)
    places = models.places(organisation.accounts), models.places(organisation.reps)
    frame["rep"] = names[owner]
    frame["km"] = distances(*places)[np.arange(len(owner)), owner].round(2)
    frame["change"] = np.where(frame["owner"] == "", "new", np.where(frame["owner"] == frame["rep"], "kept", "moved"))
    frame["why"] = reasons(organisation, owner, weights)
    return frame


def _reps(organisation: Organisation, owner: Ints) -> pd.DataFrame:
    frame, count = rep_frame(organisation), len(organisation.reps)
    today = models.owners(organisation)
    work = np.array([one.workload for one in organisation.accounts])
    potential = np.array([one.potential for one in organisation.accounts])
    changed = owner != today
    limit = models.limits(organisation)
    frame["limit"] = np.where(np.isfinite(limit), limit, np.nan)
    frame["load"] = models.totals(owner, work, count)
    frame["even_load"] = work.sum() * models.shares(frame["capacity"].to_numpy(float))
    frame["potential"] = models.totals(owner, potential, count)
    frame["even_potential"] = potential.sum() * models.shares(frame["capacity"].to_numpy(float))
    frame["accounts"] = np.bincount(owner, minlength=count)
    frame["gained"] = np.bincount(owner[changed], minlength=count)
    frame["lost"] = np.bincount(today[changed & (today >= 0)], minlength=count)
    return frame
