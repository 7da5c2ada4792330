"""The book of rankings on PostgreSQL (tables selling.organisations, prioritisations and ranked)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from workers.office import reps
from workers.opportunity_prioritisation.adapters.asking import ask_prioritisation
from workers.opportunity_prioritisation.domain.opportunity import Open
from workers.opportunity_prioritisation.domain.ranking import Ranked, Scored
from workers.opportunity_prioritisation.domain.run import Organisation, State
from workers.opportunity_prioritisation.ports.book import PrioritisationUnderWay
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

_OPEN = TypeAdapter(Open)
_TODAY = timedelta(hours=24)


class PostgresPrioritisationBook:
    """`PrioritisationBook` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def organisation(self, organisation: str) -> Organisation:
        """See `PrioritisationBook.organisation`."""
        cursor = await self._work.connection.execute(
            "SELECT id, name, territories, minutes_a_day FROM selling.organisations WHERE id = %s", (organisation,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"There is no organisation {organisation!r} that sells. Enter it into selling.organisations, or correct "
                "the variable `organisation`, then retry."
            )
        return Organisation(**row | {"territories": tuple(row["territories"])})

    async def ask_all(self, at: datetime) -> Sequence[str]:
        """See `PrioritisationBook.ask_all`."""
        cursor = await self._work.connection.execute("SELECT id FROM selling.organisations ORDER BY id")
        ids = [row["id"] for row in await cursor.fetchall()]
        return [(await ask_prioritisation(self._work.connection, one, "timer", at))[0] for one in ids]

    async def open(self, prioritisation_id: str, organisation: str, asked_by: str, at: datetime) -> None:
        """See `PrioritisationBook.open`."""
        connection = self._work.connection
        # The organisation's row stands for its rankings: of two openings at once the second one sees the first.
        await connection.execute("SELECT FROM selling.organisations WHERE id = %s FOR UPDATE", (organisation,))
        # One that was withdrawn before its end could be noted, or whose instance is gone, keeps nobody waiting.
        await connection.execute(
            "UPDATE selling.prioritisations p SET state = 'withdrawn', closed_at = %s WHERE organisation = %s"
            " AND state = 'open' AND EXISTS (SELECT FROM runtime.closed_cases WHERE business_id = p.prioritisation_id)",
            (at, organisation),
        )
        cursor = await connection.execute(
            "INSERT INTO selling.prioritisations (prioritisation_id, organisation, asked_by, opened_at)"
            " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (prioritisation_id, organisation, asked_by, at),
        )
        if cursor.rowcount == 1:
            return
        found = await connection.execute(
            "SELECT prioritisation_id FROM selling.prioritisations WHERE organisation = %s AND state = 'open'",
            (organisation,),
        )
        row = await found.fetchone()
        joined = row["prioritisation_id"] if row else prioritisation_id
        raise PrioritisationUnderWay(f"The ranking {joined} is under way.", variables={"joined": joined})

    async def close(self, prioritisation_id: str, state: State, at: datetime) -> bool:
        """See `PrioritisationBook.close`."""
        cursor = await self._work.connection.execute(
            "UPDATE selling.prioritisations SET state = %s, closed_at = %s"
            " WHERE prioritisation_id = %s AND state = 'open'",
            (state, at, prioritisation_id),
        )
        return cursor.rowcount == 1

    async def promised(self, opportunity_ids: Sequence[str]) -> set[str]:
        """See `PrioritisationBook.promised`."""
        cursor = await self._work.connection.execute(
            "SELECT DISTINCT subject_id FROM selling.follow_ups WHERE state = 'open' AND subject_kind = 'opportunity'"
            " AND subject_id = ANY(%s)",
            (list(opportunity_ids),),
        )
        return {row["subject_id"] for row in await cursor.fetchall()}

    async def keep(self, prioritisation_id: str, found: Sequence[Open], at: datetime) -> None:
        """See `PrioritisationBook.keep`."""
        await self._work.connection.execute(
            "UPDATE selling.prioritisations SET collected_at = %s WHERE prioritisation_id = %s", (at, prioritisation_id)
        )
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO selling.ranked (prioritisation_id, opportunity_id, rep_id, facts) VALUES (%s, %s, %s, %s)",
                [
                    (prioritisation_id, one.opportunity.id, one.opportunity.owner_id,
                     Jsonb(_OPEN.dump_python(one, mode="json")))
                    for one in found
                ],
            )  # fmt: skip

    async def kept(self, prioritisation_id: str) -> tuple[Sequence[Open], datetime]:
        """See `PrioritisationBook.kept`."""
        rows = await self._rows(prioritisation_id)
        return [_OPEN.validate_python(row["facts"]) for row in rows], await self._collected_at(prioritisation_id)

    async def keep_chances(self, prioritisation_id: str, scored: Sequence[Scored], source: str) -> None:
        """See `PrioritisationBook.keep_chances`."""
        async with self._work.connection.cursor() as cursor:
            await cursor.execute(
                "UPDATE selling.prioritisations SET chances_from = %s WHERE prioritisation_id = %s",
                (source, prioritisation_id),
            )
            await cursor.executemany(
                "UPDATE selling.ranked SET chance = %s, reasons = %s WHERE prioritisation_id = %s"
                " AND opportunity_id = %s",
                [(one.chance, list(one.reasons), prioritisation_id, one.open.opportunity.id) for one in scored],
            )

    async def scored(self, prioritisation_id: str) -> tuple[Sequence[Scored], datetime]:
        """See `PrioritisationBook.scored`."""
        rows = await self._rows(prioritisation_id)
        found = [Scored(_OPEN.validate_python(row["facts"]), row["chance"], row["reasons"]) for row in rows]
        return found, await self._collected_at(prioritisation_id)

    async def keep_ranking(self, prioritisation_id: str, ranked: Sequence[Ranked]) -> None:
        """See `PrioritisationBook.keep_ranking`."""
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                "UPDATE selling.ranked SET place = %(place)s, expected_value = %(expected_value)s, minutes = %(minutes)s,"
                " action = %(action)s, why = %(why)s WHERE prioritisation_id = %(id)s"
                " AND opportunity_id = %(opportunity_id)s",
                [asdict(one) | {"id": prioritisation_id} for one in ranked],
            )

    async def minutes(self, organisation: Organisation, at: datetime) -> Mapping[str, float]:
        """See `PrioritisationBook.minutes`."""
        found = await reps.of_territories(self._work.connection, organisation.territories)
        return {
            one.id: organisation.minutes_a_day
            for one in found
            if not one.away(at) and one.calendar.next_start(at) < at + _TODAY
        }

    async def _rows(self, prioritisation_id: str) -> list[dict[str, Any]]:
        cursor = await self._work.connection.execute(
            "SELECT facts, chance, reasons FROM selling.ranked WHERE prioritisation_id = %s ORDER BY opportunity_id",
            (prioritisation_id,),
        )
        return await cursor.fetchall()

    async def _collected_at(self, prioritisation_id: str) -> datetime:
        cursor = await self._work.connection.execute(
            "SELECT collected_at FROM selling.prioritisations WHERE prioritisation_id = %s", (prioritisation_id,)
        )
        row = await cursor.fetchone()
        if row is None or row["collected_at"] is None:
            raise PermanentError(f"Nothing was collected in {prioritisation_id}. Cancel this instance and ask anew.")
        found: datetime = row["collected_at"]
        return found
