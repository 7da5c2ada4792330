"""The read model's tables that are filled from the engine's records, and how a row that comes again is merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """How the rows of a table are merged."""

    name: str
    columns: Mapping[str, str]
    """Column → type."""
    moments: tuple[str, ...] = ()
    """Columns that stay once they are known."""

    @property
    def merge(self) -> str:
        """The statement; its parameter is the rows as JSON."""
        names = ", ".join(("key", "position", *self.columns))
        types = ", ".join(
            f"{name} {kind}" for name, kind in {"key": "bigint", "position": "bigint", **self.columns}.items()
        )
        newer = [
            f"{name} = CASE WHEN excluded.position >= known.position THEN excluded.{name} ELSE known.{name} END"
            for name in self.columns
            if name not in self.moments
        ]
        kept = [f"{name} = coalesce(known.{name}, excluded.{name})" for name in self.moments]
        changes = ", ".join([*newer, *kept, "position = greatest(known.position, excluded.position)"])
        return (
            f"INSERT INTO control.{self.name} AS known ({names}) "  # noqa: S608 - of our own names only
            f"SELECT {names} FROM jsonb_to_recordset(%s) AS found ({types}) "
            f"ON CONFLICT (key) DO UPDATE SET {changes}"
        )


_PLACE = {"instance_key": "bigint", "process_key": "bigint", "process": "text", "element": "text"}
MERGED = (
    Table(
        "processes",
        {
            "process": "text", "version": "int", "version_tag": "text", "deployed_at": "timestamptz", "diagram": "text",
            "names": "jsonb",
        },
    ),
    Table(
        "instances",
        {
            "process_key": "bigint", "process": "text", "version": "int", "parent_key": "bigint",
            "started_at": "timestamptz", "ended_at": "timestamptz", "completed": "boolean",
        },
        ("started_at", "ended_at", "completed"),
    ),
    Table(
        "elements",
        {
            "instance_key": "bigint", "process_key": "bigint", "element": "text", "kind": "text", "scope_key": "bigint",
            "started_at": "timestamptz", "ended_at": "timestamptz", "completed": "boolean",
        },
        ("started_at", "ended_at", "completed"),
    ),
    Table(
        "user_tasks",
        _PLACE
        | {
            "element_key": "bigint", "assignee": "text", "groups": "text[]", "users": "text[]",
            "due_at": "timestamptz", "created_at": "timestamptz", "ended_at": "timestamptz", "completed": "boolean",
        },
        ("created_at", "ended_at", "completed", "users"),
    ),
    Table(
        "incidents",
        _PLACE
        | {
            "element_key": "bigint", "job_key": "bigint", "kind": "text", "message": "text", "raised_at": "timestamptz",
            "resolved_at": "timestamptz",
        },
        ("raised_at", "resolved_at"),
    ),
    Table("modifications", {"instance_key": "bigint", "elements": "text[]", "at": "timestamptz"}),
    Table("jobs", _PLACE | {"element_key": "bigint", "job_type": "text", "waits_until": "timestamptz"}),
)  # fmt: skip
