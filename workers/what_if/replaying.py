"""One replay: past leads through the tables in use and the changed ones, onto the sales floor, side by side."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import DictRow, dict_row
from pydantic import TypeAdapter

from workers.engine.decisions import DecisionEngine
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.domain.routing import Routing
from workers.office.calendar import office_calendar
from workers.settings import Settings
from workers.what_if import comparing
from workers.what_if.answer import WhatIf
from workers.what_if.errors import Refused
from workers.what_if.figures import Told, figures
from workers.what_if.placing import Arrival, Placed, place
from workers.what_if.reading import Floor, PastLead, floor_at, past_leads
from workers.what_if.tables import CALLED, Decided, Tables, parsed

_LEAD = TypeAdapter(Lead)
_ACCOUNT = TypeAdapter(Account)


async def replay(settings: Settings, changed: bytes, *, last: int, cases: int) -> WhatIf:
    """Replay the `last` leads with a changed file, and list up to `cases` leads that are decided otherwise.

    Raises:
        Refused: the file can't be used, or there is no lead to replay.
        psycopg.OperationalError: the database can't be reached.
        DownloadError, StartError: from `workers.engine.errors`.
    """
    started = time.monotonic()
    engines = DecisionEngine(settings), DecisionEngine(settings)
    file = parsed(engines[1], changed).id
    in_use = {name: (settings.models / "dmn" / f"{name}.dmn").read_bytes() for name in CALLED}
    connection = await AsyncConnection.connect(settings.dsn, connect_timeout=5, row_factory=dict_row)
    async with connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        leads = await past_leads(connection, last)
        if not leads:
            raise Refused("No lead was routed yet. Send some (`fairlead leads replay`), and replay them then.")
        office = office_calendar(settings.sales_timezone, settings.sales_calendar)
        floor = await floor_at(connection, leads[0].decided_at, office)
        notes = await _notes(connection, in_use)
    tables = Tables(engines[0], in_use), Tables(engines[1], in_use | {file: changed})
    # A thread for each side: Java's part, which is most of it, runs on two cores.
    before, after = await asyncio.gather(*(asyncio.to_thread(_side, one, leads, floor) for one in tables))
    minutes = {one.lead.lead_id: r.accept_sla.due for one in before if (r := one.decided.routing) is not None}
    return comparing.compare(
        file,
        before,
        after,
        tables,
        sides=(figures(before, floor.reps, minutes), figures(after, floor.reps, minutes)),
        cases=cases,
        notes=notes,
        seconds=time.monotonic() - started,
    )


def _side(tables: Tables, leads: Sequence[PastLead], floor: Floor) -> list[Told]:
    decided = [tables.decide(lead) for lead in leads]
    arrivals = [
        _arrival(lead, one.routing) for lead, one in zip(leads, decided, strict=True) if one.routing is not None
    ]
    placed = place(arrivals, floor)
    return [_told(lead, one, placed) for lead, one in zip(leads, decided, strict=True)]


def _told(lead: PastLead, decided: Decided, placed: Mapping[str, Placed]) -> Told:
    return Told(lead, decided, placed.get(lead.lead_id) or Placed())


def _arrival(lead: PastLead, routing: Routing) -> Arrival:
    return Arrival(
        lead_id=lead.lead_id,
        at=lead.decided_at,
        lead=_LEAD.validate_python(lead.lead),
        account=None if lead.account is None else _ACCOUNT.validate_python(lead.account),
        routing=routing,
        discarded=lead.discarded,
        closed_at=lead.closed_at,
    )


async def _notes(connection: AsyncConnection[DictRow], in_use: Mapping[str, bytes]) -> list[str]:
    """Whether the files here are what was deployed last."""
    cursor = await connection.execute("SELECT resources FROM runtime.deployments ORDER BY deployed_at DESC LIMIT 1")
    row = await cursor.fetchone()
    deployed = {} if row is None else {Path(part["file"]).stem: part["sha256"] for part in row["resources"]}
    return [
        f"The file {name}.dmn here is not the one deployed last; “before” is the file here (FAIRLEAD_MODELS)."
        for name, content in in_use.items()
        if name in deployed and deployed[name] != hashlib.sha256(content).hexdigest()
    ]
