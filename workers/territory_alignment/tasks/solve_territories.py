"""Give each account a rep: the solver's proposal, with what is proven of it."""

from __future__ import annotations

from workers.runtime.task import Contract, task
from workers.territory_alignment.domain.collection import Collected
from workers.territory_alignment.domain.organisation import names_of
from workers.territory_alignment.domain.planning import Solved
from workers.territory_alignment.ports import TerritoryAlignmentPorts
from workers.territory_alignment.ports.solver import NoPlan


class SolveTerritoriesInput(Contract):
    """What is planned, and within which limits."""

    alignment_id: str
    organisation: str
    collected: Collected
    attempt: int
    """How often the solver was asked before in this alignment, plus one."""
    solve_seconds: float
    memory_mb: int
    live: bool
    leaving: str | None = None
    """Ids of reps, blanks between them."""
    joining: str | None = None
    dropped_rules: list[str] = []  # noqa: RUF012 - pydantic copies it
    """``kind:subject`` of the rules that people dropped as they clash with others."""
    leave_out: bool = False
    """Plan without the accounts that nobody may have."""


class SolveTerritoriesOutput(Contract):
    """The plan; its rows stay in the database."""

    plan: Solved


@task(business_id="alignment_id", effect="once", loop="attempt", errors=(NoPlan,), timeout_seconds=3600)
async def solve_territories(given: SolveTerritoriesInput, ports: TerritoryAlignmentPorts) -> SolveTerritoriesOutput:
    """Search in a process of its own, with a limit on time and memory; it is stopped if the alignment is.

    Raises:
        NoPlan: rules clash, or time or memory was too short; brings ``clash_why``, ``clash_kind`` and ``clash_rules``.
    """
    organisation = await ports.book.organisation(given.organisation)
    dropped = [(kind, subject) for kind, _, subject in (one.partition(":") for one in given.dropped_rules)]
    plan = await ports.solver.solve(
        given.alignment_id,
        given.collected.collection_id,
        organisation,
        seconds=given.solve_seconds,
        memory_mb=given.memory_mb,
        dropped=dropped,
        leave_out=given.leave_out,
        leaving=names_of(given.leaving),
        joining=names_of(given.joining),
        live=given.live,
    )
    await ports.book.put_on_table(given.alignment_id, plan.version, "Proposed")
    await ports.work.note(
        "planned", plan.proven, version=plan.version, seconds=plan.seconds, dropped=given.dropped_rules
    )
    return SolveTerritoriesOutput(plan=plan)
