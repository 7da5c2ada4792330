"""Published instances of the generalised assignment problem, in the OR-Library's format.

Beasley, "OR-Library: Distributing Test Problems by Electronic Mail", Journal of the Operational Research Society 41, 1990.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.model import Model


@dataclass(frozen=True)
class Instance:
    """Jobs to agents: accounts and reps of the model."""

    model: Model
    maximise: bool
    """The published figures are profits; the model holds them negated."""


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
        made.append(Instance(Model(-cost if maximise else cost.copy(), work.copy(), numbers[end - agents : end]), maximise))
        at = end
    if at == len(numbers):
        yield from made
