"""A side of a replay in a process of its own: the tables in use, or the changed ones.

Java's part and Python's, which has one lock for all threads of a process, so run on two cores; and JPype does not bear
two threads that evaluate at once.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from pydantic import TypeAdapter

from workers.engine.decisions import DecisionEngine
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Account
from workers.lead_routing.domain.routing import Routing
from workers.settings import Settings
from workers.what_if.figures import Told
from workers.what_if.placing import Arrival, Placed, place
from workers.what_if.reading import Floor, PastLead
from workers.what_if.tables import Tables, parsed

_LEAD = TypeAdapter(Lead)
_ACCOUNT = TypeAdapter(Account)
_tables: list[Tables] = []
"""Of this process, between `_open` and `_run`."""


class Side:
    """Starts opening its files at once. Its process ends with the group of whoever asked, see `workers.what_if.child`.

    Args:
        settings: where the jars are, and of which version.
        in_use: content of each `.dmn` file in use, by decision requirements id.
        changed: a file that takes the place of one of them.
    """

    def __init__(self, settings: Settings, in_use: Mapping[str, bytes], changed: bytes | None = None) -> None:
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self._opened = self._process.submit(_open, settings, in_use, changed)

    async def opened(self) -> str:
        """Wait until it is ready, and say which file was changed: its decision requirements id, or "" if none was.

        Raises:
            Refused: the changed file can't be used.
            DownloadError, StartError: from `workers.engine.errors`.
        """
        return await asyncio.wrap_future(self._opened)

    async def run(self, leads: Sequence[PastLead], floor: Floor) -> list[Told]:
        """Decide the leads, which come in the order of time, and give them to the floor's reps; once `opened`."""
        return await asyncio.wrap_future(self._process.submit(_run, leads, floor))


def _open(settings: Settings, in_use: Mapping[str, bytes], changed: bytes | None) -> str:
    engine = DecisionEngine(settings)
    files, file = dict(in_use), ""
    if changed is not None:
        file = parsed(engine, changed).id
        files[file] = changed
    _tables.append(Tables(engine, files))
    return file


def _run(leads: Sequence[PastLead], floor: Floor) -> list[Told]:
    gc.freeze()  # JPype collects Python's garbage each time that Java collects its own: these leads are none
    decided = [_tables[0].decide(lead) for lead in leads]
    arrivals = [
        _arrival(lead, one.routing) for lead, one in zip(leads, decided, strict=True) if one.routing is not None
    ]
    placed = place(arrivals, floor)
    return [Told(lead, one, placed.get(lead.lead_id) or Placed()) for lead, one in zip(leads, decided, strict=True)]


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
