"""Which rules cannot hold together: an irreducible set of them, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from workers.quota_approval.planning.errors import ClashError
from workers.quota_approval.planning.limits import Limit, Room, room
from workers.quota_approval.planning.money import show
from workers.quota_approval.planning.organisation import Organisation
from workers.quota_approval.planning.rules import REP

Atom = tuple[Limit, ...]
"""Rules that are loosened together."""

_MANY = 200
"""Rules above which those of one kind in one team stay together: nobody reads more lines, or waits for them."""
_NAMED = 3


def require_room(organisation: Organisation, buffers: Sequence[Fraction], limits: Sequence[Limit]) -> Room:
    """The room that rules leave.

    Raises:
        ClashError: with an irreducible set of rules that cannot hold together, in words.
    """
    found = room(organisation, buffers, limits)
    if isinstance(found, Room):
        return found

    def holds(atoms: Sequence[Atom]) -> bool:
        return isinstance(room(organisation, buffers, [limit for atom in atoms for limit in atom]), Room)

    below = organisation.subtree(found)
    groups = _grouped(organisation, [limit for limit in limits if organisation.place[limit.node] in below])
    clash = irreducible(groups, holds)
    if sum(map(len, clash)) <= _MANY:
        clash = irreducible([(limit,) for atom in clash for limit in atom], holds)
    kept = [limit for atom in clash for limit in atom]
    lines = "\n".join(f"  - {one}" for atom in _grouped(organisation, kept) for one in _words(organisation, atom))
    raise ClashError(
        f"No split keeps all rules. At {organisation.nodes[found]} these cannot hold together, with the buffers as they "
        f"are; loosen any one of them:\n{lines}",
        kept,
    )


def irreducible(atoms: Sequence[Atom], holds: Callable[[Sequence[Atom]], bool]) -> list[Atom]:
    """Atoms that cannot hold together, though all of them but any one can: a deletion filter (Chinneck 2008, 6.2).

    Small amounts are tried first, many at once, so that what is left are few rules on large amounts. The caller knows
    that all together do not hold.
    """
    needed: list[Atom] = []
    rest = sorted(atoms, key=lambda atom: sum(limit.amount for limit in atom))
    size = max(1, len(rest) // 2)
    while rest:
        part, others = rest[:size], rest[size:]
        if not holds([*needed, *others]):
            rest = others
        elif len(part) == 1:
            needed += part
            rest = others
        else:
            size = len(part) // 2
    return needed


def _grouped(organisation: Organisation, limits: Sequence[Limit]) -> list[Atom]:
    """Rules of one kind for the reps of one team together; a rule for a unit by itself, both sides of a lock together."""
    groups: dict[tuple[object, ...], list[Limit]] = {}
    for limit in limits:
        i = organisation.place[limit.node]
        if organisation.levels[i] == REP and limit.rule != "lock":
            key: tuple[object, ...] = (limit.rule, organisation.parents[i])
        else:
            key = (limit.rule, limit.node)
        groups.setdefault(key, []).append(limit)
    return [tuple(group) for group in groups.values()]


def _words(organisation: Organisation, atom: Atom) -> list[str]:
    if len(atom) <= _NAMED:
        return list(dict.fromkeys(limit.text for limit in atom))
    team = organisation.nodes[organisation.parents[organisation.place[atom[0].node]]]
    side = "at least" if atom[0].least else "at most"
    total = show(sum(limit.amount for limit in atom))
    return [f"{atom[0].kind} of {len(atom)} reps of {team}: {side} {total} in sum"]
