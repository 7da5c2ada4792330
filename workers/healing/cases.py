"""The table healing.cases: one row for each trouble, claimed by whoever acts for it, ended when it is seen no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from workers.healing.model import Case, Ruling, State, Symptom, Trouble
from workers.operations.audit import POLICY
from workers.runtime.database import Pool

LONGEST_MESSAGE = 300
FRESH = timedelta(days=1)
"""What comes again within so long after its end is the same case still, with its attempts."""

# A case that had ended is open again: what was done for it did not last, or it is another one after a while.
_SEEN = """
    INSERT INTO healing.cases AS known (subject, symptom, business_id, process, task, message, since)
    SELECT subject, symptom, business_id, process, task, message, since
    FROM jsonb_to_recordset(%(troubles)s) AS t (
        subject text, symptom text, business_id text, process text, task text, message text, since timestamptz)
    ON CONFLICT (subject, symptom) DO UPDATE SET
        seen_at = clock_timestamp(), message = excluded.message, ended_at = NULL,
        business_id = CASE excluded.business_id WHEN '' THEN known.business_id ELSE excluded.business_id END,
        state = CASE WHEN known.ended_at IS NULL THEN known.state ELSE 'waiting' END,
        since = CASE WHEN known.ended_at IS NULL THEN known.since ELSE excluded.since END,
        next_at = CASE WHEN known.ended_at IS NULL THEN known.next_at ELSE clock_timestamp() END,
        attempts = CASE WHEN known.ended_at < clock_timestamp() - %(fresh)s THEN 0 ELSE known.attempts END
    RETURNING subject, symptom, since, attempts, last_at, next_at
"""
# Not at once: a list may be behind, and what was tried again fails some seconds later if it does. Where a person did
# something too, it is theirs.
_ENDED = """
    UPDATE healing.cases c SET ended_at = clock_timestamp(),
        state = CASE WHEN attempts > 0 AND state <> 'given_up' AND NOT EXISTS (
            SELECT FROM runtime.audit a WHERE a.subject = c.subject AND a.at >= c.since AND a.outcome = 'done'
              AND NOT starts_with(a.actor, %(policies)s)) THEN 'healed' ELSE 'gone' END
    WHERE ended_at IS NULL AND symptom = ANY(%(looked_for)s) AND NOT symptom || ' ' || subject = ANY(%(seen)s)
      AND greatest(seen_at, last_at) < clock_timestamp() - %(settled)s
    RETURNING state
"""
_JUDGED = """
    UPDATE healing.cases c SET state = j.state, rule = j.rule, why = j.why, next_at = j.next_at
    FROM jsonb_to_recordset(%s) AS j (
        subject text, symptom text, state text, rule text, why text, next_at timestamptz)
    WHERE c.subject = j.subject AND c.symptom = j.symptom AND c.ended_at IS NULL
"""
_CLAIM = """
    UPDATE healing.cases SET attempts = attempts + 1, last_at = clock_timestamp(), state = 'waiting', rule = %(rule)s,
        why = %(why)s, next_at = clock_timestamp() + %(wait)s
    WHERE subject = %(subject)s AND symptom = %(symptom)s AND attempts = %(attempts)s AND ended_at IS NULL
      AND (SELECT is_on FROM healing.switch)
"""
_BACK = """
    UPDATE healing.cases SET attempts = attempts - 1 WHERE subject = %s AND symptom = %s AND attempts = %s
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a case is not acted upon now, and when it is judged again."""

    trouble: Trouble
    state: State
    rule: str
    why: str
    next_at: datetime


async def seen(pool: Pool, troubles: Sequence[Trouble]) -> dict[tuple[str, str], Case]:
    """Note what was seen; the case of each."""
    given = [
        {
            "subject": one.subject, "symptom": one.symptom, "business_id": one.business_id, "process": one.process,
            "task": one.task, "message": one.message[:LONGEST_MESSAGE], "since": one.since.isoformat(),
        }
        for one in {trouble.key: trouble for trouble in troubles}.values()
    ]  # fmt: skip
    async with pool.connection() as connection:
        rows = await (await connection.execute(_SEEN, {"troubles": Jsonb(given), "fresh": FRESH})).fetchall()
    return {(row.pop("subject"), row.pop("symptom")): Case(**row) for row in rows}


async def end(
    pool: Pool, looked_for: Collection[Symptom], known: Collection[tuple[str, str]], settled: timedelta
) -> list[State]:
    """End the cases of these symptoms that are not among those `known` now, nor were for so long; how each ended."""
    given = {
        "looked_for": list(looked_for), "seen": [f"{symptom} {subject}" for subject, symptom in known],
        "settled": settled, "policies": POLICY,
    }  # fmt: skip
    async with pool.connection() as connection:
        rows = await (await connection.execute(_ENDED, given)).fetchall()
    return [row["state"] for row in rows]


async def judged(pool: Pool, verdicts: Sequence[Verdict]) -> None:
    """Note what was decided on those that are not acted upon."""
    given = [
        {
            "subject": one.trouble.subject, "symptom": one.trouble.symptom, "state": one.state, "rule": one.rule,
            "why": one.why, "next_at": one.next_at.isoformat(),
        }
        for one in verdicts
    ]  # fmt: skip
    async with pool.connection() as connection:
        await connection.execute(_JUDGED, (Jsonb(given),))


async def claim(pool: Pool, trouble: Trouble, attempts: int, ruling: Ruling) -> bool:
    """Count an attempt before it is made; False: somebody else was quicker, or healing was switched off."""
    given: Mapping[str, object] = {
        "subject": trouble.subject, "symptom": trouble.symptom, "attempts": attempts, "rule": ruling.rule,
        "why": ruling.why, "wait": ruling.wait,
    }  # fmt: skip
    async with pool.connection() as connection:
        return (await connection.execute(_CLAIM, given)).rowcount == 1


async def give_back(pool: Pool, trouble: Trouble, attempts: int) -> None:
    """Not to count an attempt that could not even be made: the engine was too busy, or away."""
    async with pool.connection() as connection:
        await connection.execute(_BACK, (trouble.subject, trouble.symptom, attempts + 1))


async def spent(pool: Pool, actors: Collection[str]) -> dict[str, int]:
    """How many attempts each of these rules made within the last hour."""
    query = """
        SELECT actor, count(*) AS rows FROM runtime.audit
        WHERE at > clock_timestamp() - interval '1 hour' AND actor = ANY(%s) GROUP BY actor
    """
    async with pool.connection() as connection:
        rows = await (await connection.execute(query, (list(actors),))).fetchall()
    return {str(row["actor"]): int(row["rows"]) for row in rows}


async def open_by_rule(pool: Pool) -> list[tuple[str, str, int]]:
    """How many cases are open, by rule and state."""
    query = "SELECT rule, state, count(*) AS number FROM healing.cases WHERE ended_at IS NULL GROUP BY rule, state"
    async with pool.connection() as connection:
        rows = await (await connection.execute(query)).fetchall()
    return [(str(row["rule"]), str(row["state"]), int(row["number"])) for row in rows]
