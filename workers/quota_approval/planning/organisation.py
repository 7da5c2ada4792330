"""The tree that quotas are split over: units above, reps below, one top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from workers.quota_approval.planning.errors import InputError
from workers.quota_approval.planning.inputs import Rep, Unit
from workers.quota_approval.planning.rules import REP, Rules


@dataclass(frozen=True)
class Organisation:
    """Nodes with parents before children, units before reps; only units that have reps below."""

    nodes: tuple[str, ...]
    names: tuple[str, ...]
    levels: tuple[str, ...]
    """Level of each node."""
    parents: tuple[int, ...]
    """Place of each node's parent; -1 for the top."""
    units: int
    """How many nodes are units; they come first."""

    @cached_property
    def reps(self) -> tuple[str, ...]:
        """The nodes that nothing is below."""
        return self.nodes[self.units :]

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Place of each node by its id."""
        return {node: i for i, node in enumerate(self.nodes)}

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Places of the nodes right below each one."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                found[parent].append(i)
        return tuple(map(tuple, found))

    @cached_property
    def members(self) -> csr_matrix:
        """Sparse, units x reps, 1 where the rep is somewhere below the unit."""
        rows: list[int] = []
        columns: list[int] = []
        for r in range(len(self.reps)):
            at = self.parents[self.units + r]
            while at >= 0:
                rows.append(at)
                columns.append(r)
                at = self.parents[at]
        return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(self.units, len(self.reps)))

    def path(self, node: int) -> list[int]:
        """The nodes above one, from the nearest to the top."""
        found = []
        while (node := self.parents[node]) >= 0:
            found.append(node)
        return found

    def subtree(self, node: int) -> set[int]:
        """A node and all below it."""
        found, todo = set(), [node]
        while todo:
            at = todo.pop()
            found.add(at)
            todo += self.children[at]
        return found

    def only(self, places: Sequence[int]) -> Organisation:
        """The tree of these nodes alone, the first of them its top; `places` in the order of the nodes."""
        new = {old: i for i, old in enumerate(places)}
        return Organisation(
            tuple(self.nodes[i] for i in places),
            tuple(self.names[i] for i in places),
            tuple(self.levels[i] for i in places),
            tuple(new.get(self.parents[i], -1) for i in places),
            sum(i < self.units for i in places),
        )

    def order_of_levels(self) -> tuple[str, ...]:
        """Names of the levels, top-down."""
        return tuple(dict.fromkeys(self.levels))

    def buffers(self, rules: Rules) -> tuple[Fraction, ...]:
        """By how much the members of each unit exceed it in sum; zero for reps."""
        return tuple(rules.buffer(self.levels[below[0]]) if below else Fraction(0) for below in self.children)


def build(units: Iterable[Unit], reps: Sequence[Rep]) -> tuple[Organisation, tuple[str, ...]]:
    """The tree of a period's reps, and the units left out because no rep is below.

    Raises:
        InputError: no top or several, an unknown parent, a cycle, a rep of an unknown unit, an id used twice, members of
            different levels right below one unit.
    """
    by_id = {unit.unit: unit for unit in units}
    tops = [unit.unit for unit in by_id.values() if not unit.parent]
    if len(tops) != 1:
        said = f"{', '.join(sorted(tops))} have none" if tops else "every unit has one"
        raise InputError(f"units.csv: exactly one unit, the top, has no parent; here {said}")
    depth = {name: _depth(name, by_id) for name in by_id}
    for rep in reps:
        if rep.unit not in by_id:
            raise InputError(
                f"reps.csv: {rep.rep} belongs to unit {rep.unit!r}, which units.csv lacks; add or correct it"
            )
        if rep.rep in by_id:
            raise InputError(f"reps.csv: {rep.rep!r} is the id of a unit too; give one of them another id")
    if not reps:
        raise InputError("reps.csv has no rep for the period; nobody can get a quota")
    staffed: set[str] = set()
    for rep in reps:
        at = rep.unit
        while at and at not in staffed:
            staffed.add(at)
            at = by_id[at].parent
    kept = sorted(staffed, key=lambda name: (depth[name], name))
    place = {name: i for i, name in enumerate(kept)}
    people = sorted(reps, key=lambda rep: (place[rep.unit], rep.rep))
    organisation = Organisation(
        (*kept, *(rep.rep for rep in people)),
        (*(by_id[name].name or name for name in kept), *(rep.name or rep.rep for rep in people)),
        (*(by_id[name].level for name in kept), *(REP for _ in people)),
        (*(place.get(by_id[name].parent, -1) for name in kept), *(place[rep.unit] for rep in people)),
        len(kept),
    )
    _check_levels(organisation)
    return organisation, tuple(sorted(by_id.keys() - staffed))


def _depth(name: str, by_id: Mapping[str, Unit]) -> int:
    seen = [name]
    while parent := by_id[seen[-1]].parent:
        if parent not in by_id:
            raise InputError(f"units.csv: the parent {parent!r} of {seen[-1]} has no row; add it or correct the parent")
        if parent in seen:
            circle = " → ".join([*seen[seen.index(parent) :], parent])
            raise InputError(f"units.csv: {circle} is a circle; correct the parent of one of them")
        seen.append(parent)
    return len(seen)


def _check_levels(organisation: Organisation) -> None:
    """A buffer belongs to a level; so the members of one unit are of one level, and a level has reps or units, not its own."""
    for i, below in enumerate(organisation.children):
        levels = sorted({organisation.levels[child] for child in below})
        if len(levels) > 1:
            raise InputError(
                f"units.csv: {organisation.nodes[i]} has members of several levels ({', '.join(levels)}); "
                "put a unit between, or give them one level"
            )
        if levels and levels[0] == organisation.levels[i]:
            raise InputError(f"units.csv: {organisation.nodes[i]} and a unit below it are both of level {levels[0]!r}")
    if REP in organisation.levels[: organisation.units]:
        raise InputError(f"units.csv: {REP!r} is the level of reps; name the units' level otherwise")
