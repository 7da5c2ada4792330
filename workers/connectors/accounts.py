"""Accounts of another system as territories know them: where they are, what they are worth, and which rep has them today."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workers.connectors.leads import System
from workers.connectors.mapping import Part
from workers.connectors.records import Record

AccountField = Literal[
    "latitude", "longitude", "potential", "workload", "industry", "skills", "languages", "relationship_years", "region",
    "key_account",
]  # fmt: skip
FIGURES: tuple[AccountField, ...] = ("latitude", "longitude", "potential", "workload", "relationship_years")

Row = dict[str, object]


class TerritoriesMapping(Part):
    """What territories need of a company."""

    account: str
    """What holds the names of accounts in territories: its id, or a field with unique values."""
    read: Mapping[AccountField, str] = {}
    """Where the columns of an account are."""


@dataclass
class Accounts:
    """What was found."""

    rows: list[Row] = field(default_factory=list)
    """As `territories.accounts` has them; what is no figure is left out, and told when an alignment collects it."""
    nameless: int = 0
    """Those without a name of territories."""
    others: int = 0
    """Those that none of our reps owns."""


async def read(
    system: System[Any, Any],  # Any: whichever system it is
    records: AsyncIterator[Record],
    mapping: TerritoriesMapping,
    *,
    everybody: bool,
) -> Accounts:
    """All accounts; those that none of our reps owns only if `everybody`.

    Raises:
        SystemDown, SystemPause, SystemRefused: it can't be asked.
    """
    found, reps = Accounts(), dict[str | None, str]()
    async for record in records:
        owner = record.get(system.mapping.owner)
        if owner not in reps:
            person = await system.owners.person(system.client, owner)
            ours = person is not None and not person.id.startswith(system.owners.foreign)
            reps[owner] = person.id if person and ours else ""
        name = record.get(mapping.account)
        if not reps[owner] and not everybody:
            found.others += 1
        elif name is None:
            found.nameless += 1
        else:
            found.rows.append({"account": name, "owner": reps[owner]} | _columns(record, mapping))
    return found


def _columns(record: Record, mapping: TerritoriesMapping) -> Row:
    row: Row = {}
    for column, name in mapping.read.items():
        said = record.get(name)
        if column in FIGURES:
            row[column] = _figure(said)
        elif column == "key_account":
            row[column] = (said or "").lower() in {"true", "yes", "1"}
        else:
            row[column] = said or ""
    return row


def _figure(said: str | None) -> float | None:
    try:
        return float(said) if said else None
    except ValueError:
        return None
