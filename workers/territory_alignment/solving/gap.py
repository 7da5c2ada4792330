"""Published instances of the generalised assignment problem, in the OR-Library's format.

Beasley, "OR-Library: Distributing Test Problems by Electronic Mail", Journal of the Operational Research Society 41, 1990.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.geography import Ints
from workers.territory_alignment.solving.model import Model
from workers.territory_alignment.solving.running import Limits, Tell, solve


@dataclass(frozen=True)
class Instance:
    """Jobs to agents: accounts and reps of the model."""

    model: Model
    maximise: bool
    """The published figures are profits; the model holds them negated."""


@dataclass(frozen=True)
class Found:
    """The best assignment found, in the instance's own terms."""

    owner: Ints
    """By job, the agent's position."""
    cost: float
    """Cost, or profit."""
    bound: float
    """What no assignment falls below, or exceeds; whole where all figures are."""
    gap: float
    """Relative distance of the two."""
    seconds: float


def solve_instance(instance: Instance, limits: Limits, *, tell: Tell | None = None) -> Found:
    """Solve one instance.

    Raises:
        InputError: if a job fits no agent.
        NoTimeError: if no assignment was found that keeps all capacities.
    """
    model, sign = instance.model, -1.0 if instance.maximise else 1.0
    fits = model.work <= model.limit
    if not fits.any(axis=1).all():
        job = int(np.flatnonzero(~fits.any(axis=1))[0]) + 1
        raise InputError(f"job {job} needs more than any agent has; the instance has no solution")
    # The search measures gaps relative to a bound above zero, so profits are counted down from the largest.
    lift = np.where(instance.maximise, model.cost.min(axis=1), 0.0)
    whole = bool((model.cost % 1 == 0).all())
    shifted = replace(model, cost=np.where(fits, model.cost - lift[:, None], np.inf), step=1.0 if whole else 0.0)
    found = solve(shifted, limits, tell=tell)
    cost, bound = found.value + lift.sum(), found.bound + lift.sum()
    return Found(found.owner, sign * cost, sign * bound, (cost - bound) / max(abs(bound), 1e-12), found.seconds)


def read_gap(path: Path, *, maximise: bool = False) -> list[Instance]:
    """The instances of a file.

    The format is: (the number of instances, in gap1 to gap12 only;) for each instance the numbers of agents and jobs,
    costs by agent, resources by agent, capacities. Types A to E are minimised, gap1 to gap12 maximised.

    Raises:
        InputError: if the file can't be read or is not in this format.
    """
    try:
        numbers = np.array(path.read_text(encoding="ascii").split(), dtype=np.float64)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path.name} is not in the OR-Library's format, which has numbers only: {error}") from error
    for first in (0, 1):
        found = list(_instances(numbers, first, maximise=maximise))
        if found and (first == 0 or len(found) == numbers[0]):
            return found
    raise InputError(
        f"{path.name} is not in the OR-Library's format: agents, jobs, costs by agent, resources by agent, capacities; "
        f"its {len(numbers):,} numbers don't come out so"
    )


def _instances(numbers: np.ndarray[tuple[int], np.dtype[np.float64]], at: int, *, maximise: bool) -> Iterator[Instance]:
    """Nothing at all if the numbers do not end where an instance does."""
    made = []
    while at + 2 <= len(numbers):
        agents, jobs = (int(number) for number in numbers[at : at + 2])
        size = agents * jobs
        end = at + 2 + 2 * size + agents
        if min(agents, jobs) < 1 or end > len(numbers):
            return
        cost, work = (numbers[at + 2 + k * size : at + 2 + (k + 1) * size].reshape(agents, jobs).T for k in range(2))
        made.append(
            Instance(Model(-cost if maximise else cost.copy(), work.copy(), numbers[end - agents : end]), maximise)
        )
        at = end
    if at == len(numbers):
        yield from made
