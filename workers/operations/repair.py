"""Carries out repair policies: tries again what went wrong for a reason that has passed.

How often one job or row was tried and how many tries the last minute saw is read from the audit trail, so that it holds
over restarts and for `--once` from a scheduler. Of several processes one works, the others stand by.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import structlog
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection

from workers.engine.errors import UnreachableError
from workers.operations import dead_letters, incidents
from workers.operations.audit import Actor
from workers.operations.model import DeadLetter, Done, Incident, Wanted
from workers.operations.policies import Dependency, Policy
from workers.runtime.database import Pool, noticing
from workers.runtime.housekeeping import ended, regularly

log = structlog.get_logger()

REPAIRS = Counter("fairlead_repairs", "Tries of repair policies, by what came of them.", ["policy", "outcome"])
FOUND = Gauge("fairlead_repairable", "What fits a policy now: it waits, or its tries are used up.", ["policy", "state"])
OPEN = Gauge("fairlead_open_troubles", "Incidents that wait, and dead letters nobody has settled.", ["kind"])

ALONE = 0x0FA1_81EA_D0A1
"""Advisory lock key: whoever holds it repairs."""

LOOKED_AT = 5_000
"""So many of the oldest dead letters are looked through in a round."""

BEATS = 4
"""So often within the time after which it would be lost, a process that lives says so."""

Probe = Callable[[], Awaitable[bool]]
"""Whether a dependency answers."""

Tell = Callable[[Sequence[Incident | DeadLetter]], Awaitable[int]]
"""Tells operations of what is new among these, and how many are."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a policy tried one subject, and when the last time."""

    times: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What one round did for one policy."""

    policy: str
    done: Sequence[Done]
    waiting: int
    """Fit the policy, but their time has not come, or the rate's bound is reached."""
    exhausted: int
    """Had all their tries: for a person."""
    away: Sequence[str]
    """Dependencies that don't answer: nothing was tried."""


class Repair:
    """One round is `once`; `run` goes on until stopped."""

    def __init__(
        self,
        dsn: str,
        pool: Pool,
        board: incidents.Board,
        engine: incidents.Engine,
        policies: Sequence[Policy],
        probes: Mapping[Dependency, Probe],
        tell: Tell,
        *,
        lost_seconds: float = 60.0,
    ) -> None:
        """A process that the database has not heard of for `lost_seconds` loses its place to another one."""
        self._dsn = noticing(dsn)
        self._pool = pool
        self._board = board
        self._engine = engine
        self._policies = policies
        self._probes = probes
        self._tell = tell
        self._lost_seconds = lost_seconds
        self.working = False
        """Whether this process is the one that repairs."""

    async def run(self, stop: asyncio.Event, every_seconds: float) -> None:
        """Round after round; database, engine and REST may come and go."""
        while not stop.is_set():
            try:
                async with await AsyncConnection.connect(self._dsn, autocommit=True) as guard:
                    await self._while_alone(guard, stop, every_seconds)
            except psycopg.Error as error:
                log.warning("database away", action="database_away", reason=type(error).__name__)
                await _wait(stop, every_seconds)

    async def _while_alone(self, guard: AsyncConnection[object], stop: asyncio.Event, every_seconds: float) -> None:
        async def heard() -> int:
            await guard.execute("SELECT")
            return 0

        # Else one that hangs, or whose machine is gone, would keep its place until TCP gives it up, and nobody repair.
        await guard.execute(
            "SELECT set_config('idle_session_timeout', %s, false)", (str(int(1000 * self._lost_seconds)),)
        )
        # A round may take longer than that, and so may the pause between two.
        beat = asyncio.create_task(regularly("repair's place", self._lost_seconds / BEATS, heard))
        try:
            while not stop.is_set():
                # Asked in each round, so that a broken connection, with which the lock is gone, shows.
                row = await (await guard.execute("SELECT pg_try_advisory_lock(%s)", (ALONE,))).fetchone()
                self.working = row == (True,)
                if self.working:
                    await self._round()
                await _wait(stop, every_seconds)
        finally:
            self.working = False
            await ended([beat])

    async def _round(self) -> None:
        try:
            for report in await self.once():
                _tell(report)
        except UnreachableError as error:  # REST went away in the middle; what was done is in the audit trail
            log.warning("round cut short", action="repair_cut_short", reason=str(error))

    async def once(self) -> list[Report]:
        """One round over all policies."""
        letters = await dead_letters.find(self._pool, Wanted(limit=LOOKED_AT))
        OPEN.labels("dead letter").set(len(letters))
        found: list[Incident] = []
        try:
            found = await self._board.open_incidents(incidents.LOOKED_AT)
            OPEN.labels("incident").set(len(found))
        except UnreachableError as error:
            log.warning("incidents can't be seen", action="repair_blind", reason=str(error))
        # Before anything is tried: a trouble is told of even if it is gone a moment later.
        if told := await self._tell([*found, *letters]):
            log.warning("operations told", action="operations_told", number=told)
        answers: dict[Dependency, bool] = {}
        reports = []
        claimed: set[str] = set()
        for policy in self._policies:
            listed = policy.wanted().of(found) if policy.of == "incidents" else policy.wanted().of(letters)
            chosen = [one for one in listed if one.subject not in claimed and policy.fits(one)]
            claimed.update(one.subject for one in chosen)
            reports.append(await self._carry_out(policy, chosen, answers))
        return reports

    async def _carry_out(
        self, policy: Policy, chosen: Sequence[Incident | DeadLetter], answers: dict[Dependency, bool]
    ) -> Report:
        tried = await self._tried(policy, [one.subject for one in chosen])
        exhausted = [one for one in chosen if one.subject in tried and tried[one.subject].times >= policy.tries]
        open_ = [one for one in chosen if one not in exhausted]
        due = [one for one in open_ if _due(policy, one, tried.get(one.subject))]
        due = due[: max(0, policy.per_minute - await self._last_minute(policy))]
        away = [name for name in policy.waits_for if due and not await self._answers(name, answers)]
        if away:
            due = []
        done = await self._again(policy, due, tried)
        for one in done:
            REPAIRS.labels(policy.name, one.outcome.partition(":")[0]).inc()
        FOUND.labels(policy.name, "waiting").set(len(open_) - len(due))
        FOUND.labels(policy.name, "exhausted").set(len(exhausted))
        return Report(policy.name, done, len(open_) - len(due), len(exhausted), away)

    async def _again(
        self, policy: Policy, due: Sequence[Incident | DeadLetter], tried: Mapping[str, Tried]
    ) -> list[Done]:
        def actor(one: Incident | DeadLetter) -> Actor:
            before = tried[one.subject].times if one.subject in tried else 0
            return Actor(policy.actor, f"Try {before + 1} of {policy.tries}: it may have gone away by itself.")

        # The business id, for the audit trail, is asked for only now that the incident is acted upon.
        named = await incidents.named(self._pool, self._board, [one for one in due if isinstance(one, Incident)])
        done = await incidents.retry(self._pool, self._engine, named, actor)
        for one in due:  # in their order
            if isinstance(one, DeadLetter):
                done += await dead_letters.retry(self._pool, [one], actor(one), late=policy.late)
        return done

    async def _answers(self, name: Dependency, answers: dict[Dependency, bool]) -> bool:
        if name not in answers:
            answers[name] = await self._probes[name]()
        return answers[name]

    async def _tried(self, policy: Policy, subjects: list[str]) -> dict[str, Tried]:
        # What the engine was too busy for is no try; what was cut short may have been one.
        query = """
            SELECT subject, count(*) AS times, max(at) AS last FROM runtime.audit
            WHERE subject = ANY(%s) AND actor = %s AND NOT starts_with(coalesce(outcome, ''), 'failed')
            GROUP BY subject
        """
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(query, (subjects, policy.actor))).fetchall()
        return {str(row["subject"]): Tried(row["times"], row["last"]) for row in rows}

    async def _last_minute(self, policy: Policy) -> int:
        query = """
            SELECT count(*) AS rows FROM runtime.audit
            WHERE at > clock_timestamp() - interval '1 minute' AND actor = %s
        """
        async with self._pool.connection() as connection:
            row = await (await connection.execute(query, (policy.actor,))).fetchone()
        return int(row["rows"]) if row else 0


def _due(policy: Policy, one: Incident | DeadLetter, tried: Tried | None) -> bool:
    began = max((at for at in (one.since, tried.last if tried else None) if at), default=None)
    return began is not None and datetime.now(UTC) - began >= policy.pause(tried.times if tried else 0)


def _tell(report: Report) -> None:
    if report.done or report.away:
        done = sum(one.ok for one in report.done)
        log.info(
            "repair round", action="repair_round", policy=report.policy, done=done,
            not_done=len(report.done) - done, waiting=report.waiting, exhausted=report.exhausted,
            away=", ".join(report.away),
        )  # fmt: skip


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
