"""What is wrong with the work itself: incidents, dead letters, rows that wait in the outbox, leads whose process has not
begun, and jobs whose back-off timer was lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from workers.healing import classes
from workers.healing.model import Symptom, Trouble, WaitingJob
from workers.operations import dead_letters, incidents, stuck
from workers.operations.model import DeadLetter, Incident, Stuck, Wanted
from workers.runtime.database import Pool

LOOKED_AT = 5_000
"""So many of the oldest of each kind are looked through in a round."""

RECENT = timedelta(minutes=10)
"""What was done longer ago says nothing of whether it works now."""

OVERDUE = timedelta(minutes=10)
"""So long an outbox row or a lead's start may wait before it counts as stuck."""

_DONE = """
    SELECT split_part(task, '.', 2) AS name, max(done_at) AS at FROM runtime.effects
    WHERE done_at > clock_timestamp() - %(recent)s GROUP BY 1
    UNION ALL
    SELECT channel, max(delivered_at) FROM runtime.delivered
    WHERE delivered_at > clock_timestamp() - %(recent)s GROUP BY 1
"""
_DEPLOYED = """
    SELECT greatest((SELECT max(deployed_at) FROM runtime.deployments),
                    (SELECT max(created_at) FROM routing.models WHERE active)) AS at
"""
# A back-off that is over, though the job was neither handed out again nor ended. Believed only where the read model has
# seen later records of the partition, and all there are of jobs: else it may only be behind.
_LOST = """
    SELECT j.key, j.element_key, j.instance_key, e.scope_key, j.element, j.process, j.waits_until,
           coalesce(control.case_of(j.instance_key), '') AS business_id
    FROM control.jobs j JOIN control.elements e ON e.key = j.element_key
    WHERE j.waits_until < clock_timestamp() - %(slack)s AND e.ended_at IS NULL
      AND j.waits_until < (SELECT max(record_at) FROM control.cursors WHERE partition = j.key >> 51) - %(slack)s / 2
      AND (SELECT read_at FROM control.cursors WHERE value_type = 'JOB' AND partition = j.key >> 51)
          > clock_timestamp() - %(behind)s
    ORDER BY j.waits_until LIMIT %(most)s
"""
SLACK = timedelta(seconds=60)
"""So long after the end of its back-off a job counts as forgotten."""
BEHIND = timedelta(seconds=30)
"""The read model looks at least so often whether there is anything new."""


@dataclass(frozen=True, slots=True)
class Observer:
    """Somebody who looks for some symptoms."""

    symptoms: frozenset[Symptom]
    look: Callable[[], Awaitable[Sequence[Trouble]]]
    """Raises `UnreachableError`, `EngineBusy` or `psycopg.Error` where it can't see."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs that a cause may be gone."""

    done: Mapping[str, datetime]
    """When each task, and each outbox channel, was last done."""
    deployed: datetime | None
    """When models last came into use."""

    def done_since(self, name: str, since: datetime) -> bool:
        """Whether a task or channel was done since."""
        return name in self.done and self.done[name] > since

    def deployed_since(self, since: datetime) -> bool:
        """Whether models came into use since."""
        return self.deployed is not None and self.deployed > since


async def signs(pool: Pool) -> Signs:
    """As they are now. It looks through what was done lately, so ask only if there is a trouble."""
    async with pool.connection() as connection:
        done = await (await connection.execute(_DONE, {"recent": RECENT})).fetchall()
        row = await (await connection.execute(_DEPLOYED)).fetchone()
    return Signs({str(one["name"]): one["at"] for one in done}, row["at"] if row else None)


async def of_incidents(pool: Pool, found: Sequence[Incident], seen: Signs) -> list[Trouble]:
    """Incidents as troubles, with what may have removed their cause."""
    cases = await incidents.business_ids(pool, [one.process_instance_key for one in found])
    return [_incident(one, cases.get(one.process_instance_key, ""), seen) for one in found]


def _incident(one: Incident, business_id: str, seen: Signs) -> Trouble:
    since, task = one.since or datetime.now(UTC), one.element.partition("__")[0]
    return Trouble(
        "incident", one.subject, since, one, business_id, one.process, task,
        classes.of_incident(one.error_type, one.message), classes.about(one.message), one.message,
        others_done=seen.done_since(task, since), deployed_since=seen.deployed_since(since),
    )  # fmt: skip


def of_letters(found: Sequence[DeadLetter], seen: Signs) -> list[Trouble]:
    """Dead letters as troubles."""
    return [
        Trouble(
            "dead_letter", one.subject, one.since or datetime.now(UTC), one, one.business_id, "", one.channel,
            classes.of_dead_letter(one.message), classes.about(one.message), one.message,
            others_done=one.since is not None and seen.done_since(one.channel, one.since),
            deployed_since=one.since is not None and seen.deployed_since(one.since),
        )
        for one in found
    ]  # fmt: skip


def of_waiting(found: Sequence[Stuck], seen: Signs) -> list[Trouble]:
    """Rows that wait in the outbox, and leads whose process has not begun."""
    now, troubles = datetime.now(UTC), []
    for one in found:
        since = one.since or now
        if one.kind == "outbox":
            troubles.append(
                Trouble(
                    "outbox_waits", one.subject, since, one, one.business_id, "", one.channel, "",
                    classes.about(one.message), one.message, others_done=seen.done_since(one.channel, since),
                )
            )  # fmt: skip
        elif one.element == "received":
            troubles.append(
                Trouble("lead_not_begun", one.subject, since, one, one.business_id, one.process, message=one.message)
            )
    return troubles


async def of_back_offs(pool: Pool, slack: timedelta = SLACK) -> list[Trouble]:
    """Jobs that wait for their next try though its time has come long since (camunda/camunda#16884)."""
    given = {"slack": slack, "behind": BEHIND, "most": LOOKED_AT}
    async with pool.connection() as connection:
        rows = await (await connection.execute(_LOST, given)).fetchall()
    return [
        Trouble(
            "lost_back_off", f"job:{row['key']}", row["waits_until"],
            WaitingJob(row["key"], row["element_key"], row["instance_key"], row["scope_key"], row["element"]),
            row["business_id"], row["process"], row["element"].partition("__")[0],
            message="The job waits for its next try, though its back-off is over.",
        )
        for row in rows
    ]  # fmt: skip


async def waiting(pool: Pool) -> list[Stuck]:
    """What has waited too long."""
    return await stuck.find(pool, None, Wanted(older=OVERDUE, limit=LOOKED_AT))


async def letters(pool: Pool) -> list[DeadLetter]:
    """Dead letters that nobody has settled, the oldest first."""
    return await dead_letters.find(pool, Wanted(limit=LOOKED_AT))
