"""What an import changed, line by line: for the report, the audit trail, and a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

Kind = Literal["different", "only there", "gone there"]
"""As `sync.differences.kind`."""

PERSONAL = frozenset({"name", "email", "login", "place", "manager_name", "manager_email"})
"""What these hold is not written into a trail that is kept for good; that it changed is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that changed."""

    subject: str
    """``21003``, the employee; ``21003 absences``; ``territory iberia`` …"""
    became: str
    fields: tuple[str, ...] = ()
    kind: Kind = "different"
    rep_id: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    after: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON


async def audit(
    connection: AsyncConnection[DictRow], system: str, lines: Sequence[Line], *, actor: str, why: str
) -> None:
    """Write down who changed what, in the transaction of the changes."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO runtime.audit (actor, action, target, subject, business_id, why, before, after, outcome, settled_at)"
            " VALUES (%s, 'people.change', %s, %s, %s, %s, %s, %s, %s, clock_timestamp())",
            [
                (
                    *(actor, f"{one.subject}: {', '.join(one.fields) or one.became}", f"{system}:{one.subject}"),
                    *(one.rep_id, why, Jsonb(_shown(one.before)), Jsonb(_shown(one.after)), f"done: {one.became}"),
                )
                for one in lines
            ],
        )


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    return {name: value for name, value in values.items() if name not in PERSONAL}
