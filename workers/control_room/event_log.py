"""Event logs of processes for process mining, in two formats, written while they are read.

A log holds the activities of every instance that began in a time, also those in multi-instance bodies. Gateways and events
are left out, as in the paths of the page Paths.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from workers.control_room import cases, ocel, xes
from workers.control_room.kpis import Scope
from workers.runtime.database import Pool

Format = Literal["xes", "ocel"]


@dataclass(frozen=True, slots=True)
class FormatKind:
    """How a format is called."""

    title: str
    ending: str
    media_type: str


FORMATS: dict[Format, FormatKind] = {
    "xes": FormatKind("XES (IEEE 1849)", ".xes", "application/xml"),
    "ocel": FormatKind("OCEL 2.0 (JSON)", ".ocel2.json", "application/json"),
}


def written(pool: Pool, processes: Sequence[str], scope: Scope, form: Format) -> AsyncIterator[bytes]:
    """The parts of a log, in UTF-8; of a process that is not known an empty one."""
    found = cases.slices(pool, processes, scope)
    return xes.write(found, ", ".join(processes)) if form == "xes" else ocel.write(found)
