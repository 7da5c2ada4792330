"""One replay: past leads through the tables in use and the changed ones, onto the sales floor, side by side."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import DictRow, dict_row

from workers.office.calendar import office_calendar
from workers.settings import Settings
from workers.what_if import comparing
from workers.what_if.answer import WhatIf
from workers.what_if.errors import Refused
from workers.what_if.figures import figures
from workers.what_if.reading import Floor, PastLead, floor_at, past_leads
from workers.what_if.sides import Side
from workers.what_if.tables import CALLED, rule_texts


async def replay(settings: Settings, changed: bytes, *, last: int, cases: int) -> WhatIf:
    """Replay the `last` leads with a changed file, and list up to `cases` leads that are decided otherwise.

    Raises:
        Refused: the file can't be used, or there is no lead to replay.
        psycopg.OperationalError: the database can't be reached.
        DownloadError, StartError: from `workers.engine.errors`.
    """
    started = time.monotonic()
    in_use = {name: (settings.models / "dmn" / f"{name}.dmn").read_bytes() for name in CALLED}
    connection = await AsyncConnection.connect(settings.dsn, connect_timeout=5, row_factory=dict_row)
    sides = Side(settings, in_use), Side(settings, in_use, changed)
    async with connection:
        leads, floor = await _past(connection, settings, last)
        notes = await _notes(connection, in_use)
    _, file = await asyncio.gather(*(side.opened() for side in sides))
    before, after = await asyncio.gather(*(side.run(leads, floor) for side in sides))
    minutes = {one.lead.lead_id: r.accept_sla.due for one in before if (r := one.decided.routing) is not None}
    return comparing.compare(
        file,
        before,
        after,
        (rule_texts(in_use.values()), rule_texts((in_use | {file: changed}).values())),
        sides=(figures(before, floor.reps, minutes), figures(after, floor.reps, minutes)),
        cases=cases,
        notes=notes,
        seconds=time.monotonic() - started,
    )


async def _past(connection: AsyncConnection[DictRow], settings: Settings, last: int) -> tuple[list[PastLead], Floor]:
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    leads = await past_leads(connection, last)
    if not leads:
        raise Refused("No lead was routed yet. Send some (`fairlead leads replay`), and replay them then.")
    office = office_calendar(settings.sales_timezone, settings.sales_calendar)
    return leads, await floor_at(connection, leads[0].decided_at, office)


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
