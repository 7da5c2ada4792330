"""Leads counted by day, once the day is over: figures of a month ask for a hundred thousand, of which few still change.

A day is made from `control.lead_speed`, with all that figures count. Whatever changes a lead of a day that is over, or people's
part of its time, leaves a row in ``lead_days_changed`` (triggers of migration 0360); such a day is counted from its leads
until it is made again.
"""

from __future__ import annotations

from typing import Final

from workers.control_room.sweeping import IN_TURN, Sweeper

OPEN: Final = "state IN ('received', 'registered', 'invalid', 'triage', 'queued', 'assigned', 'manager')"
MET: Final = "accepted_at IS NOT NULL AND sla_breaches = 0"
MISSED: Final = "sla_breaches > 0"
# What figures count, in terms of control.lead_speed; the lists behind the figures (`lists`) count by the same.

BOUNDS: Final = (300.0, 900.0, 3_600.0)
"""Seconds, between the bands of speed to lead."""
DAYS = 92
"""So many are kept made; periods are no longer."""
LATE_MINUTES = 15
"""After its midnight a day is made: what was written in its last moments is in by then."""

_BAND = f"width_bucket(seconds, ARRAY{list(BOUNDS)}::float8[])"
COUNTS: Final = f"""
    count(*) AS leads, count(first_assigned_at) AS assigned, count(accepted_at) AS accepted,
    count(*) FILTER (WHERE {MET}) AS met, count(*) FILTER (WHERE {MISSED}) AS missed,
    sum(sla_breaches) FILTER (WHERE first_assigned_at IS NOT NULL) AS breaches,
    ARRAY[{", ".join(f"count(*) FILTER (WHERE {_BAND} = {band})" for band in range(len(BOUNDS) + 1))}] AS bands
"""
_PARTS = "(VALUES ('total', seconds), ('system', system_seconds), ('human', human_seconds)) AS p (part, took)"
_CLASS = "control.class_of(round(1000 * took)::bigint)"

_CHANGED = """
    WITH gone AS (DELETE FROM control.lead_days_changed RETURNING day)
    DELETE FROM control.lead_days_made WHERE day IN (SELECT day FROM gone)
"""
_NEXT = f"""
    SELECT day::date FROM generate_series(control.day_of(clock_timestamp()) - {DAYS},
        control.day_of(clock_timestamp() - interval '1 day {LATE_MINUTES} minutes'), interval '1 day') AS day
    WHERE day NOT IN (SELECT day FROM control.lead_days_made) ORDER BY day DESC LIMIT 1
"""  # noqa: S608 - of our own constants only
_OF_DAY = """FROM control.lead_speed
    WHERE received_at >= %(day)s::date::timestamp AT TIME ZONE 'UTC'
      AND received_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'"""
_MAKE = (
    "DELETE FROM control.lead_days WHERE day = %(day)s OR day < %(day)s::date - 2 * %(days)s::int",
    "DELETE FROM control.lead_day_classes WHERE day = %(day)s OR day < %(day)s::date - 2 * %(days)s::int",
    f"""
    INSERT INTO control.lead_days (day, team, leads, assigned, accepted, met, missed, breaches, bands)
    SELECT %(day)s, coalesce(team, ''), {COUNTS} {_OF_DAY} GROUP BY GROUPING SETS ((), (team))
    HAVING GROUPING(team) = 1 OR team <> ''
    """,
    f"""
    INSERT INTO control.lead_day_classes (day, team, part, class, number)
    SELECT %(day)s, coalesce(team, ''), part, {_CLASS}, count(*)
    FROM (SELECT team, seconds, system_seconds, human_seconds {_OF_DAY}) AS l, LATERAL {_PARTS} WHERE took IS NOT NULL
    GROUP BY GROUPING SETS ((part, {_CLASS}), (part, {_CLASS}, team)) HAVING GROUPING(team) = 1 OR team <> ''
    """,  # noqa: S608 - see above
    "INSERT INTO control.lead_days_made VALUES (%(day)s) ON CONFLICT DO NOTHING",
)

SPEED: Final = f"""
    made AS MATERIALIZED (
        SELECT day FROM control.lead_days_made m WHERE day >= control.day_of(%(since)s)
          AND NOT EXISTS (SELECT FROM control.lead_days_changed c WHERE c.day = m.day)
    ), others AS MATERIALIZED (
        SELECT * FROM leads WHERE control.day_of(received_at) NOT IN (SELECT day FROM made)
    ), counted AS (
        SELECT leads, assigned, accepted, met, missed, breaches, bands FROM control.lead_days JOIN made USING (day)
        WHERE team = coalesce(%(team)s::text, '')
        UNION ALL SELECT {COUNTS} FROM others
    ), classes AS (
        SELECT part, class, sum(number) AS number FROM (
            SELECT part, class, number FROM control.lead_day_classes JOIN made USING (day)
            WHERE team = coalesce(%(team)s::text, '')
            UNION ALL
            SELECT part, {_CLASS}, 1 FROM others, LATERAL {_PARTS} WHERE took IS NOT NULL
        ) AS told GROUP BY part, class
    ), ranked AS (
        SELECT part, class, sum(number) OVER (PARTITION BY part ORDER BY class) / sum(number) OVER (PARTITION BY part) AS share
        FROM classes
    ), spreads AS (
        SELECT part, ARRAY[control.seconds_of(min(class) FILTER (WHERE share >= 0.5)),
                           control.seconds_of(min(class) FILTER (WHERE share >= 0.95))] AS spread
        FROM ranked GROUP BY part
    ), speed AS MATERIALIZED (
        SELECT sum(leads)::bigint AS leads, sum(assigned)::bigint AS assigned, sum(accepted)::bigint AS accepted,
               (SELECT count(*) FROM leads WHERE {OPEN}) AS open,
               (SELECT spread FROM spreads WHERE part = 'total') AS total,
               (SELECT spread FROM spreads WHERE part = 'system') AS system,
               (SELECT spread FROM spreads WHERE part = 'human') AS human,
               sum(met)::bigint AS met, sum(missed)::bigint AS missed, sum(breaches) AS breaches,
               ARRAY[{", ".join(f"sum(bands[{band + 1}])::bigint" for band in range(len(BOUNDS) + 1))}] AS bands
        FROM counted
    )
"""  # noqa: S608 - see above
"""``speed`` over ``leads`` of whole days up to now, as `kpis` has it over any; a percentile is the middle of its class of
durations: at most 2 % off.
"""


class LeadDays(Sweeper):
    """Makes the days that are over."""

    async def sweep(self) -> int:
        """Forget the days that have changed, and make the newest that is missing; how many were made.

        Raises as `Sweeper.sweep`.
        """
        async with self._pool.connection() as connection:
            await connection.execute(IN_TURN)
            await connection.execute("LOCK TABLE control.lead_days_made IN SHARE ROW EXCLUSIVE MODE")
            # Deleted first, counted after: a change that is not seen yet leaves its row for the next time.
            await connection.execute(_CHANGED)
            row = await (await connection.execute(_NEXT.encode())).fetchone()
            if row is None:
                return 0
            for statement in _MAKE:
                await connection.execute(statement.encode(), {"day": row["day"], "days": DAYS})
            return 1
