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

    from workers.operations.repair import Report

Listed = Incident | DeadLetter | Stuck


def as_json(items: Sequence[Listed | Entry | Done | Report]) -> str:
    """A JSON array, moments in ISO 8601."""
    return json.dumps([asdict(one) for one in items], indent=2, default=_moment)


def listed(items: Sequence[Listed]) -> Table:
    """Incidents, dead letters, or what is stuck."""
    table = _table("key", "since", "where", "case", "what", folded="what")
    for one in items:
        kind = f"{one.kind} " if isinstance(one, Stuck) else ""
        place = one.channel or f"{one.process} {one.element}".strip()
        what = one.message
        if isinstance(one, DeadLetter) and one.settled:
            what = f"{one.settled} ({one.message})"
        table.add_row(str(one.key), _ago(one.since), f"{kind}{place}", one.business_id or "—", what)
    return table


def trail(entries: Sequence[Entry]) -> Table:
    """The audit trail."""
    table = _table("when", "who", "what", "case", "why", "outcome", folded="why")
    for one in entries:
        when = one.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        outcome = one.outcome or "cut short"
        table.add_row(when, one.actor, f"{one.action} {one.target}", one.business_id or "—", one.why, outcome)
    return table


def round_(reports: Sequence[Report]) -> Table:
    """What one round of repair did."""
    table = _table("policy", "tried", "waiting", "for a person", "away")
    for one in reports:
        table.add_row(
            one.policy, f"{sum(done.ok for done in one.done)} of {len(one.done)}", str(one.waiting),
            str(one.exhausted), ", ".join(one.away) or "—",
        )  # fmt: skip
    return table


def _table(*names: str, folded: str = "") -> Table:
    from rich.table import Table  # noqa: PLC0415 - only a terminal needs it

    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in {"key", "since"}, ratio=1 if name == folded else None)
    return table


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return "—"
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON.")
