"""What a win model learns from: opportunities as they were at moments of their lives, and how they ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.opportunity_prioritisation.domain.opportunity import Opportunity

LEAST = 60
"""Closed opportunities that each part needs."""


_SNAPSHOTS = """
    SELECT o.id, o.name, o.account_id, o.owner_id, s.stage, o.source, s.amount_eur::float8 AS amount, o.opened_at,
        s.stage_since, s.last_contact_at, s.contacts, s.decision_maker, s.competitors, s.taken_at, o.closed_at, o.won
    FROM crm.opportunity_snapshots s JOIN crm.opportunities o ON o.id = s.opportunity_id
    WHERE o.closed_at IS NOT NULL AND s.taken_at < o.closed_at
    UNION ALL
    SELECT f.id, f.name, f.account_id, f.owner_id, f.stage, f.source, f.amount, f.opened_at,
        f.stage_since, f.last_contact_at, f.contacts, f.decision_maker, f.competitors, p.collected_at, e.closed_at, e.won
    FROM selling.outcomes e
    JOIN selling.ranked r ON r.opportunity_id = e.opportunity_id
    JOIN selling.prioritisations p ON p.prioritisation_id = r.prioritisation_id AND p.collected_at < e.closed_at,
    LATERAL jsonb_to_record(r.facts -> 'opportunity') AS f (
        id text, name text, account_id text, owner_id text, stage text, source text, amount float8, opened_at timestamptz,
        stage_since timestamptz, last_contact_at timestamptz, contacts int, decision_maker boolean, competitors int)
    ORDER BY closed_at, id, taken_at
"""


class WinTrainingError(ValueError):
    """A win model cannot be trained; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of an opportunity that was closed later."""

    opportunity: Opportunity
    taken_at: datetime
    closed_at: datetime
    won: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """Three stretches of time, so that nothing is judged by what it was fitted to."""

    fit: Sequence[Snapshot]
    """Closed before `calibrate_from`."""
    calibrate: Sequence[Snapshot]
    """Taken after that, closed before `test_from`; one of each opportunity."""
    test: Sequence[Snapshot]
    """Taken after that; one of each opportunity."""
    calibrate_from: datetime
    test_from: datetime


async def read_snapshots(connection: AsyncConnection[DictRow]) -> list[Snapshot]:
    """All snapshots of closed opportunities, in a fixed order.

    Of the built-in CRM those that it keeps; of another system what each ranking read of them while they were open.
    """
    cursor = await connection.execute(_SNAPSHOTS.encode())
    found = []
    for row in await cursor.fetchall():
        taken_at, closed_at, won = row.pop("taken_at"), row.pop("closed_at"), row.pop("won")
        found.append(Snapshot(Opportunity(**row), taken_at, closed_at, won))
    return found


def parts_of(rows: Iterable[Snapshot], seed: int) -> Parts:
    """Split by time: the first 60 % of the closings to fit, the next 20 % to calibrate, the last 20 % to test.

    Raises:
        WinTrainingError: a part has too few opportunities, or all of one outcome.
    """
    rows = list(rows)
    closings = sorted({one.opportunity.id: one.closed_at for one in rows}.values())
    if len(closings) < 5 * LEAST:
        raise WinTrainingError(
            f"There are snapshots of {len(closings)} closed opportunities; training needs {5 * LEAST}. Load more, or go "
            "on with the table."
        )
    first, second = closings[int(len(closings) * 0.6)], closings[int(len(closings) * 0.8)]
    random = np.random.default_rng(seed)
    parts = Parts(
        fit=[one for one in rows if one.closed_at < first],
        calibrate=_one_each((one for one in rows if one.taken_at >= first and one.closed_at < second), random),
        test=_one_each((one for one in rows if one.taken_at >= second), random),
        calibrate_from=first,
        test_from=second,
    )
    for name in ("fit", "calibrate", "test"):
        part: Sequence[Snapshot] = getattr(parts, name)
        won = {one.opportunity.id: one.won for one in part}
        if len(won) < LEAST or len(set(won.values())) < 2:
            raise WinTrainingError(
                f"The part to {name} has {len(won)} opportunities, {sum(won.values())} of them won; it needs {LEAST} of "
                "both kinds. Load more snapshots, or go on with the table."
            )
    return parts


def _one_each(rows: Iterable[Snapshot], random: np.random.Generator) -> list[Snapshot]:
    """One snapshot of each opportunity, drawn, so that long ones do not count more."""
    by_id: dict[str, list[Snapshot]] = {}
    for one in rows:
        by_id.setdefault(one.opportunity.id, []).append(one)
    return [found[int(random.integers(len(found)))] for found in by_id.values()]
