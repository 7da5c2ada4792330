"""Lists of operators: in the terminal with rich, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workers.operations.audit import Entry
from workers.operations.model import DeadLetter, Done, Incident, Stuck

if TYPE_CHECKING:
    from rich.table import Table

Listed = Incident | DeadLetter | Stuck


def as_json(items: Sequence[Listed | Entry | Done]) -> str:
    """A JSON array, moments in ISO 8601."""
    return json.dumps([asdict(one) for one in items], indent=2, default=as_moment)


def listed(items: Sequence[Listed]) -> Table:
    """Incidents, dead letters, or what is stuck."""
    shown = table("key", "since", "where", "case", "what", folded="what")
    for one in items:
        kind = f"{one.kind} " if isinstance(one, Stuck) else ""
        place = one.channel or f"{one.process} {one.element}".strip()
        what = one.message
        if isinstance(one, DeadLetter) and one.settled:
            what = f"{one.settled} ({one.message})"
        shown.add_row(str(one.key), ago(one.since), f"{kind}{place}", one.business_id or "—", what)
    return shown


def trail(entries: Sequence[Entry]) -> Table:
    """The audit trail."""
    shown = table("when", "who", "what", "case", "why", "outcome", folded="why")
    for one in entries:
        when = one.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        outcome = one.outcome or "cut short"
        shown.add_row(when, one.actor, f"{one.action} {one.target}", one.business_id or "—", one.why, outcome)
    return shown


def table(*names: str, folded: str = "") -> Table:
    """An empty table with these columns; the `folded` one takes what room there is."""
    from rich.table import Table  # noqa: PLC0415 - only a terminal needs it

    made = Table(box=None, header_style="dim", pad_edge=False)
    for name in names:
        made.add_column(name, overflow="fold", no_wrap=name in {"key", "since"}, ratio=1 if name == folded else None)
    return made


def ago(moment: datetime | None) -> str:
    """For people: ``3 min``."""
    if moment is None:
        return "—"
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def as_moment(value: object) -> str:
    """For `json.dumps`: a moment in ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON.")
