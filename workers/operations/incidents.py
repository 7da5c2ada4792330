"""Incidents: list them, retry them, or correct their variables and go on.

There is no skipping: an incident stands where a step of a case was not done, and going on without it would lose the
step. Who wants the case ended withdraws it (`fairlead leads withdraw`), which undoes what was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from workers.engine.errors import UnreachableError
from workers.operations import audit
from workers.operations.audit import Actor
from workers.operations.model import Done, Incident, Json, Wanted
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError

TRIES = 3
"""Tries that a job is given anew, as many as a task has by default."""

AT_ONCE = 4
"""So many incidents are resolved side by side: most of the time is waiting for database and engine."""

LOOKED_AT = 5_000
"""So many of the oldest incidents are looked through."""


class Board(Protocol):
    """Where incidents are seen: `camunda.OperationsRest`."""

    async def open_incidents(self, limit: int) -> list[Incident]:
        """Incidents that wait, the oldest first."""

    async def with_business_ids(self, items: Sequence[Incident]) -> list[Incident]:
        """Add the business ids that are not known yet."""

    async def set_variables(self, element_instance_key: int, variables: Mapping[str, Any]) -> None:
        """Set variables where an element sees them."""


class Engine(Protocol):
    """Where incidents are resolved: `runtime.zeebe.ZeebeClient`."""

    async def resolve_incident(self, incident_key: int, *, job_key: int | None = None, retries: int = 1) -> None:
        """Give its job tries, and resolve it."""


async def find(pool: Pool, board: Board, wanted: Wanted) -> list[Incident]:
    """Incidents that wait for somebody, the oldest first. What was just raised is seen some seconds later.

    Raises:
        UnreachableError: Camunda's REST API doesn't answer.
    """
    seen = replace(wanted, business_id="", limit=LOOKED_AT).of(await board.open_incidents(LOOKED_AT))
    # The business id is asked for last, as it may cost a question for each.
    return wanted.of(await named(pool, board, seen if wanted.business_id else seen[: wanted.limit]))


async def named(pool: Pool, board: Board, items: Sequence[Incident]) -> list[Incident]:
    """The same incidents with their business ids, as far as database or engine know them."""
    known = await business_ids(pool, [one.process_instance_key for one in items])
    return await board.with_business_ids(
        [replace(one, business_id=known.get(one.process_instance_key, "")) for one in items]
    )


async def retry(
    pool: Pool,
    engine: Engine,
    incidents: Sequence[Incident],
    actor: Actor | Callable[[Incident], Actor],
    *,
    tries: int = TRIES,
) -> list[Done]:
    """Let the engine try again at the place of each incident; `actor` may differ from one to the other."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(incident: Incident) -> Done:
        who = actor if isinstance(actor, Actor) else actor(incident)
        async with gate:
            return await _one(pool, engine, incident, who, "incident.retry", tries=tries)

    tasks = [asyncio.create_task(one(incident)) for incident in incidents]
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:  # without the database there is no going on with the others
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def resolve(
    pool: Pool,
    board: Board,
    engine: Engine,
    incidents: Sequence[Incident],
    actor: Actor,
    *,
    variables: Mapping[str, Any],
    tries: int = TRIES,
) -> list[Done]:
    """Correct variables of each instance, then let the engine try again."""
    return [
        await _one(pool, engine, incident, actor, "incident.resolve", tries=tries, board=board, variables=variables)
        for incident in incidents
    ]


async def _one(
    pool: Pool,
    engine: Engine,
    incident: Incident,
    actor: Actor,
    action: str,
    *,
    tries: int,
    board: Board | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Done:
    target = f"incident {incident.key}"
    after: Json = {"tries": tries} if incident.job_key is not None else {}
    if variables:
        after["variables"] = sorted(variables)
    async with pool.connection() as connection:
        entry = await audit.begin(
            connection, actor, action, target=target, subject=incident.subject,
            business_id=incident.business_id, before=_before(incident),
        )  # fmt: skip
    # Committed: whatever happens from here on, it is known that it was tried.
    try:
        if variables and board is not None:
            await board.set_variables(incident.element_instance_key or incident.process_instance_key, variables)
        await engine.resolve_incident(incident.key, job_key=incident.job_key, retries=tries)
    except PermanentError as error:
        outcome = f"refused: {error}"
    except (TransientError, UnreachableError) as error:
        outcome = f"failed: {error}"
    else:
        outcome = "done"
    async with pool.connection() as connection:
        await audit.settle(connection, entry, outcome, after)
    return Done(target, incident.business_id, outcome)


def _before(incident: Incident) -> Json:
    return {
        "process": incident.process,
        "element": incident.element,
        "error_type": incident.error_type,
        "message": incident.message,
        "since": incident.since.isoformat() if incident.since else None,
        "process_instance_key": incident.process_instance_key,
        "job_key": incident.job_key,
    }


async def business_ids(pool: Pool, instances: list[int]) -> dict[int, str]:
    """The cases of process instances, by the effects that were done for them."""
    query = """
        SELECT DISTINCT ON (process_instance_key) process_instance_key, business_id
        FROM runtime.effects WHERE process_instance_key = ANY(%s)
    """
    if not instances:
        return {}
    async with pool.connection() as connection:
        rows = await (await connection.execute(query, (instances,))).fetchall()
    return {int(row["process_instance_key"]): str(row["business_id"]) for row in rows}
