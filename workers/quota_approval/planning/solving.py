"""From a basis and a target to quotas in whole cents."""

from __future__ import annotations

from dataclasses import dataclass

from workers.quota_approval.planning.basis import Basis
from workers.quota_approval.planning.clashing import require_room
from workers.quota_approval.planning.limits import Limit, effective
from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.splitting import split, whole_cents


@dataclass(frozen=True)
class Solved:
    """Quotas, and what the rules press."""

    quotas: tuple[int, ...]
    """nodes: cents."""
    exact: Floats
    """reps: money before rounding."""
    levels: Floats
    """units: z of the reps right below where no rule of their own holds them."""


def solve(basis: Basis, target: int) -> Solved:
    """The fairest split of a target in cents over the basis' tree.

    Raises:
        ClashError: if no split keeps all rules.
        InputError: if nothing is expected from anybody.
    """
    top = basis.organisation.nodes[0]
    aim = [Limit(top, "target", least, target) for least in (True, False)]
    room = require_room(basis.organisation, basis.buffers, [*effective(basis.limits), *aim])
    found = split(basis.organisation, basis.outlook, basis.buffers, room, target)
    quotas = whole_cents(basis.organisation, basis.rules, basis.buffers, room, found.quotas, target)
    return Solved(tuple(quotas), found.quotas, found.levels)
