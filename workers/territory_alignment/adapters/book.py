"""The book of alignments on PostgreSQL (tables territories.organisations, regions and alignments)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from workers.office.calendar import office_calendar
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work
from workers.territory_alignment.adapters.organisations import organisation_of
from workers.territory_alignment.domain.organisation import Alignment, Organisation, Reason, Region, State
from workers.territory_alignment.ports.book import AlignmentUnderWay


class PostgresAlignmentBook:
    """`AlignmentBook` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def organisation(self, organisation: str) -> Organisation:
        """See `AlignmentBook.organisation`."""
        cursor = await self._work.connection.execute(
            "SELECT * FROM territories.organisations WHERE id = %s", (organisation,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"There is no organisation {organisation!r} with territories. Load it by `fairlead territory load`, or "
                "correct the variable `organisation`, then retry."
            )
        return organisation_of(row)

    async def regions(self, organisation: str) -> Sequence[Region]:
        """See `AlignmentBook.regions`."""
        cursor = await self._work.connection.execute(
            "SELECT region, manager, email FROM territories.regions WHERE organisation = %s ORDER BY region",
            (organisation,),
        )
        return [Region(**row) for row in await cursor.fetchall()]

    async def open(self, alignment_id: str, organisation: str, reason: Reason, asked_by: str, at: datetime) -> None:
        """See `AlignmentBook.open`."""
        connection = self._work.connection
        cursor = await connection.execute(
            """
            INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, opened_at)
            VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING alignment_id
            """,
            (alignment_id, organisation, reason, asked_by, at),
        )
        if await cursor.fetchone() is not None:
            return
        cursor = await connection.execute(
            "SELECT alignment_id FROM territories.alignments WHERE organisation = %s AND state = 'open'",
            (organisation,),
        )
        row = await cursor.fetchone()
        joined = alignment_id if row is None else row["alignment_id"]
        raise AlignmentUnderWay(f"The alignment {joined} of {organisation} is under way.", variables={"joined": joined})

    async def alignment(self, alignment_id: str, *, lock: bool = False) -> Alignment:
        """See `AlignmentBook.alignment`."""
        statement = (
            "SELECT alignment_id, organisation, reason, asked_by, state, plan_version FROM territories.alignments"
            " WHERE alignment_id = %s"
        )
        cursor = await self._work.connection.execute(
            statement + (" FOR NO KEY UPDATE" if lock else ""), (alignment_id,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(f"There is no alignment {alignment_id}; open_alignment must run before.")
        return Alignment(**row)

    async def put_on_table(self, alignment_id: str, version: str, label: str) -> None:
        """See `AlignmentBook.put_on_table`."""
        await self._work.connection.execute(
            """
            WITH known AS (UPDATE territories.alignments SET plan_version = %(version)s
                           WHERE alignment_id = %(id)s RETURNING alignment_id)
            INSERT INTO territories.scenarios (alignment_id, place, version, label)
            SELECT alignment_id, 1 + (SELECT count(*) FROM territories.scenarios WHERE alignment_id = %(id)s),
                %(version)s, %(label)s FROM known
            """,
            {"id": alignment_id, "version": version, "label": label},
        )

    async def close(self, alignment_id: str, state: State, at: datetime) -> bool:
        """See `AlignmentBook.close`."""
        cursor = await self._work.connection.execute(
            "UPDATE territories.alignments SET state = %s, closed_at = %s WHERE alignment_id = %s AND state = 'open'",
            (state, at, alignment_id),
        )
        return cursor.rowcount == 1

    async def deadlines(self, organisation: str, minutes: Mapping[str, float], at: datetime) -> dict[str, datetime]:
        """See `AlignmentBook.deadlines`."""
        known = await self.organisation(organisation)
        return office_calendar(known.timezone, known.holidays).deadlines(at, minutes)
