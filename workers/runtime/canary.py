"""Gives each new instance of a process its version, while two run side by side (`runtime.version_splits`).

The engine itself starts every instance with the newest version: a message that starts a process knows no other. So a new
instance is placed at its first job, before the job's task runs: a hash of the business id says whether it stays with
the newest version, the canary, or is moved to the stable one by the engine's own migration command. That way the start
stays what it was, once for each message and case; the answer is written down before the engine is asked, so that a job
that comes again gets the same one. ADR 23 has the reasons.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import structlog
from psycopg.rows import DictRow

from workers.runtime import metrics
from workers.runtime.database import Pool
from workers.runtime.zeebe_types import Job, Refused

if TYPE_CHECKING:
    from workers.runtime.zeebe import ZeebeClient  # with gRPC, which the gateway does without

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""What was changed holds after so long at the latest: workers look again when they get a job after this time."""
NEXT = "next"
"""The version that is deployed next, in `version_splits.kept`."""
PAUSES = (0.05, 0.2, 0.5)
"""Seconds between tries: right after the start, the engine may still be opening what waits for messages."""

_CLASSES = 10_000

_CHOOSE = """
    INSERT INTO runtime.version_choices (process_instance_key, process, business_id, canary, process_key)
    SELECT %(instance)s, %(process)s, %(business_id)s, %(canary)s, %(key)s
    WHERE NOT EXISTS (SELECT FROM runtime.timeline WHERE process_instance_key = %(instance)s)
    ON CONFLICT DO NOTHING
"""
_CHOSEN = "SELECT process_key, placed_at FROM runtime.version_choices WHERE process_instance_key = %s"
_PLACED = """
    UPDATE runtime.version_choices SET placed_at = clock_timestamp(), refused = %s
    WHERE process_instance_key = %s AND placed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Split:
    """A process of which new instances do not all get the newest version."""

    stable_key: int
    canary_key: int | None
    share: float
    entries: frozenset[str]
    kept: Mapping[str, list[str]]

    def canary(self, process: str, business_id: str) -> bool:
        """Whether a case goes to the canary: the same answer each time, and still yes when the share is raised.

        Each canary draws anew, so that it is not always the same cases that try what is new.
        """
        text = f"{process} {self.canary_key} {business_id}"
        drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % _CLASSES
        return drawn < round(self.share * _CLASSES)

    def keeping(self, process_definition_key: int) -> dict[str, str]:
        """The mapping by which an instance of a version goes to the stable one."""
        ids = self.kept.get(str(process_definition_key), self.kept.get(NEXT, []))
        return {one: one for one in ids}


class Canary:
    """Places new instances, for the workers of one process."""

    def __init__(self, client: ZeebeClient, pool: Pool) -> None:
        self._client = client
        self._pool = pool
        self._splits: dict[str, Split] = {}
        self._looked = float("-inf")
        self._looking = asyncio.Lock()

    async def place(self, job: Job, business_id: str) -> Job:
        """See that a new instance has the version that is meant for it; the job, with the key of that version.

        Raises:
            EngineBusy: the engine is away.
            psycopg.Error: the database is away.
        """
        split = (await self._known()).get(job.bpmn_process_id)
        if split is None or job.element_id not in split.entries:
            return job
        target = await self._target(job, business_id, split)
        if target is None:
            return job
        refused = None if target == job.process_definition_key else await self._move(job, target, split)
        async with self._pool.connection() as connection:
            await connection.execute(_PLACED, (refused, job.process_instance_key))
        return job if refused else dataclasses.replace(job, process_definition_key=target)

    async def _target(self, job: Job, business_id: str, split: Split) -> int | None:
        """Key of the version it is to have; None if it is there, or began before there was a choice."""
        canary = split.canary(job.bpmn_process_id, business_id)
        given = {
            "instance": job.process_instance_key,
            "process": job.bpmn_process_id,
            "business_id": business_id,
            "canary": canary,
            "key": job.process_definition_key if canary else split.stable_key,
        }
        async with self._pool.connection() as connection:
            if (await connection.execute(_CHOOSE, given)).rowcount:
                metrics.INSTANCES_PLACED.labels(job.bpmn_process_id, "canary" if canary else "stable").inc()
            row = await (await connection.execute(_CHOSEN, (job.process_instance_key,))).fetchone()
        return None if row is None or row["placed_at"] is not None else int(row["process_key"])

    async def _move(self, job: Job, target: int, split: Split) -> str | None:
        """Why the engine refuses to move the instance; None if it has. Then the case goes on where it is: it must not
        stand still for a share's sake.
        """
        for pause in (*PAUSES, None):
            try:
                await self._client.migrate(job.process_instance_key, target, split.keeping(job.process_definition_key))
            except Refused as error:
                if pause is not None:
                    await asyncio.sleep(pause)
                    continue
                metrics.INSTANCES_NOT_PLACED.labels(job.bpmn_process_id).inc()
                log.warning("not moved to its version", action="version_refused", reason=str(error))
                return str(error)
            break
        return None

    async def _known(self) -> Mapping[str, Split]:
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return self._splits
        async with self._looking:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                try:
                    self._splits = await self._read()
                except psycopg.Error as error:  # what was known holds; a task that only reads may go on without it
                    log.info("versions not looked up", action="versions_unknown", reason=type(error).__name__)
                self._looked = time.monotonic()
        return self._splits

    async def _read(self) -> dict[str, Split]:
        query = "SELECT process, stable_key, canary_key, share, entries, kept FROM runtime.version_splits"
        async with self._pool.connection(timeout=1.0) as connection:
            rows = await (await connection.execute(query)).fetchall()
        return {str(row["process"]): split_of(row) for row in rows}


def split_of(row: DictRow) -> Split:
    """A row of `runtime.version_splits`."""
    return Split(row["stable_key"], row["canary_key"], row["share"], frozenset(row["entries"]), row["kept"])
