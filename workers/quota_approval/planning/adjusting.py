"""One quota set by a person: the rest of its unit is split again around it, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.quota_approval.domain.buffers import with_buffer
from workers.quota_approval.planning.assembling import assemble
from workers.quota_approval.planning.basis import Basis
from workers.quota_approval.planning.errors import ClashError, InputError
from workers.quota_approval.planning.limits import Room, effective, lock, room
from workers.quota_approval.planning.money import show
from workers.quota_approval.planning.plan import QuotaPlan
from workers.quota_approval.planning.solving import Solved, solve


def adjust(plan: QuotaPlan, node: str, quota: int, reason: str) -> QuotaPlan:
    """A new version in which a rep's or unit's quota is locked at `quota` cents.

    The unit above keeps its quota; its other members, and whatever is below them, share what is left as fairly as the
    rules allow, around quotas that were locked before. The lock stands above the node's own floors, caps and change
    limits; `facts` tells of it.

    Raises:
        InputError: if the plan has no such node, or it is the top, or no reason is given.
        ClashError: if the others cannot take the rest; the message says what would be possible.
    """
    at = plan.at(node)
    above = plan.organisation.parents[at]
    if above < 0:
        raise InputError(f"{node} is the top; another target is another plan: `fairlead quota plan --target`")
    if not reason.strip():
        raise InputError("a quota is changed for a reason; give one")
    kept = [limit for limit in plan.basis.limits if limit.node != node or limit.rule != "lock"]
    basis = replace(plan.basis, limits=(*kept, *lock(node, quota, reason)))
    part = basis.below(above)
    try:
        found = solve(part, plan.solved.quotas[above])
    except ClashError as error:
        raise ClashError(f"{error}\n{_possible(plan, at)}", error.clash) from error
    edit = {"node": node, "before": plan.solved.quotas[at], "quota": quota, "reason": reason}
    return assemble(
        basis,
        _merged(plan, part, found),
        origin={name: plan.card[name] for name in ("period", "data_sha256")},
        edits=[*plan.card["edits"], edit],
        parent=plan.version,
        calibration=plan.calibration,
        problems=plan.problems,
    )


def _merged(plan: QuotaPlan, part: Basis, found: Solved) -> Solved:
    tree, inner = plan.organisation, part.organisation
    quotas = list(plan.solved.quotas)
    exact, levels = plan.solved.exact.copy(), plan.solved.levels.copy()
    for i, name in enumerate(inner.nodes):
        at = tree.place[name]
        quotas[at] = found.quotas[i]
        if i < inner.units:
            levels[at] = found.levels[i]
        else:
            exact[at - tree.units] = found.exact[i - inner.units]
    return Solved(tuple(quotas), np.asarray(exact), np.asarray(levels))


def _possible(plan: QuotaPlan, node: int) -> str:
    """What the node could get while the others keep their rules."""
    tree, buffers = plan.organisation, plan.basis.buffers
    above = tree.parents[node]
    others = [limit for limit in effective(plan.basis.limits) if tree.place[limit.node] not in {node, *tree.path(node)}]
    found = room(tree, buffers, others)
    if not isinstance(found, Room):
        return "The rules of the others clash by themselves."
    total = with_buffer(plan.solved.quotas[above], buffers[above])
    siblings = [c for c in tree.children[above] if c != node]
    least = max(0, total - sum(found.high[c] for c in siblings))
    most = total - sum(found.low[c] for c in siblings)
    return f"With the quota of {tree.nodes[above]} as it is, {tree.nodes[node]} can get from {show(least)} to {show(most)}."
