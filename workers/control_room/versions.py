"""Versions of a process beside each other: which share of new instances each has, and how both do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.reading import read_rows

# Since there are two, not by the page's period: before, there is nothing to hold against each other.
_SIDES = """
    SELECT s.process, s.share, s.since, s.set_at, s.set_by, s.why,
           side.canary, side.version, side.key, coalesce(p.version_tag, '') AS tag, ran.*,
           (SELECT count(*) FROM control.instances o WHERE o.process_key = side.key AND o.ended_at IS NULL) AS running,
           (SELECT count(*) FROM control.incidents f WHERE f.process_key = side.key AND f.raised_at >= s.since) AS incidents,
           (SELECT count(*) FROM runtime.version_choices c WHERE c.process = s.process AND c.refused IS NOT NULL
            AND c.chosen_at >= s.since) AS refused
    FROM runtime.version_splits s
    CROSS JOIN LATERAL (VALUES (false, s.stable_version, s.stable_key), (true, s.canary_version, s.canary_key))
        AS side (canary, version, key)
    LEFT JOIN control.processes p ON p.key = side.key
    CROSS JOIN LATERAL (
        SELECT count(*) AS started,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY date_part('epoch', i.ended_at - i.started_at))
                   FILTER (WHERE i.completed) AS p50,
               avg((l.sla_breaches = 0)::int) FILTER (WHERE l.accepted_at IS NOT NULL OR l.sla_breaches > 0)::float8
                   AS sla_met
        FROM control.instances i LEFT JOIN control.lead_speed l ON l.instance_key = i.key
        WHERE i.process_key = side.key AND i.started_at >= s.since
    ) AS ran
    WHERE side.key IS NOT NULL AND (%(process)s::text IS NULL OR s.process = %(process)s)
    ORDER BY s.process, side.canary
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One of two versions, since there are two."""

    version: int
    tag: str
    share: float
    """Of new instances that are to get it."""
    started: int
    running: int
    """Now, whenever they began."""
    p50: float | None
    """Seconds from start to end of those that completed."""
    sla_met: float | None
    """As the KPI of that name, of leads; None: there are none."""
    incidents: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A process with versions side by side."""

    process: str
    share: float
    """Of new instances to the canary."""
    since: datetime
    set_at: datetime
    set_by: str
    why: str
    stable: Side
    canary: Side | None
    """None: nothing newer is deployed yet."""
    refused: int
    """New instances that kept the newest version, because the engine refused to move them."""


async def side_by_side(connection: AsyncConnection[DictRow], process: str | None = None) -> list[Pair]:
    """The processes whose new instances do not all get the newest version; of one, if it is named."""
    pairs: dict[str, Pair] = {}
    for row in await read_rows(connection, _SIDES, {"process": process}):
        share = row["share"] if row["canary"] else 1 - row["share"]
        side = Side(
            row["version"],
            row["tag"],
            share,
            row["started"],
            row["running"],
            row["p50"],
            row["sla_met"],
            row["incidents"],
        )
        known = pairs.get(row["process"])
        pairs[row["process"]] = Pair(
            row["process"], row["share"], row["since"], row["set_at"], row["set_by"], row["why"],
            known.stable if known else side, side if row["canary"] else None, row["refused"],
        )  # fmt: skip
    return list(pairs.values())
