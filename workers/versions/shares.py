"""Which share of new instances has which version of a process: set, raised, taken back, with an entry in the audit trail.

Each function is one transaction. Workers follow within `workers.runtime.canary.LOOK_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.operations import audit
from workers.operations.audit import Actor
from workers.runtime.canary import NEXT
from workers.runtime.database import Pool
from workers.runtime.moving import Rules, rules_of
from workers.runtime.splits import NotSideBySide, Placing, placing
from workers.versions.deployed import Version, pick, versions_of
from workers.versions.errors import NotNow

EngineVersion = Callable[[], Awaitable[str]]
"""Asks the engine which version it is, for instance ``8.6.0``."""


@dataclass(frozen=True, slots=True)
class Split:
    """How new instances of a process are divided."""

    process: str
    stable: int
    canary: int | None
    """None: nothing newer is deployed yet."""
    share: float
    """Of new instances to the canary."""

    def __str__(self) -> str:
        if self.canary is None:
            return f"New instances of {self.process} stay with version {self.stable} when the next one is deployed."
        if not self.share:
            return f"All new instances of {self.process} have version {self.stable}; {self.canary} gets none."
        if self.share == 1:
            return f"All new instances of {self.process} have version {self.canary}; {self.stable} gets none."
        percent = f"{100 * self.share:g} %"
        return f"{percent} of new instances of {self.process} have version {self.canary}, the others {self.stable}."


async def hold(pool: Pool, process: str, actor: Actor, engine_version: EngineVersion) -> Split:
    """Let new instances stay with the newest version there is, whatever is deployed next.

    Raises:
        NoSuchVersion: there is no such process.
        NotNow: it is held already, or has a canary, or is a process that can't be placed.
    """
    async with pool.connection() as connection:
        if (row := await _split(connection, process)) is not None:
            raise NotNow(f"There is nothing to hold. {_of(row)}")
        rules = rules_of(await engine_version())
        newest = (await versions_of(connection, process))[0]
        found = _checked(process, newest, newest, rules)
        entry = await _begin(connection, actor, "version.hold", process, None)
        await _insert(connection, actor, newest, None, 0.0, found)
        return await _settle(connection, entry, process)


async def set_share(
    pool: Pool, process: str, share: float, actor: Actor, engine_version: EngineVersion, *, stable: int | None = None
) -> Split:
    """Give a share of new instances, from 0 to 1, the newest version and the others the stable one.

    `stable` is the other version; default: the one that is held, else the one before the newest.

    Raises:
        NoSuchVersion: there is no such process or version.
        NotNow: there is nothing newer than the stable version, or the two can't run side by side.
    """
    if not 0 <= share <= 1:
        raise NotNow("A share lies between 0 % and 100 %.")
    async with pool.connection() as connection:
        row = await _split(connection, process)
        if row is not None:
            if row["canary_key"] is None:
                raise NotNow(f"Version {row['stable_version']} is the newest: deploy the next one first.")
            if stable not in {None, row["stable_version"]}:
                raise NotNow(f"{_of(row)} Promote or roll back first.")
            return await _change(connection, process, share, actor, "version.share", row)
        versions = await versions_of(connection, process)
        if len(versions) == 1 and stable is None:
            raise NotNow(f"{process} has one version only: deploy the next one first, or `fairlead versions hold` it.")
        newest, other = versions[0], versions[1] if stable is None else pick(versions, stable)
        if other.version >= newest.version:
            raise NotNow(f"Version {newest.version} is the newest: name an older one as the stable one.")
        found = _checked(process, newest, other, rules_of(await engine_version()))
        entry = await _begin(connection, actor, "version.share", process, None)
        await _insert(connection, actor, other, newest, share, found)
        return await _settle(connection, entry, process)


async def roll_back(pool: Pool, process: str, actor: Actor, engine_version: EngineVersion) -> Split:
    """Give all new instances the stable version again: the one of the split, else the one before the newest.

    Raises:
        NoSuchVersion, NotNow: as for `set_share`.
    """
    async with pool.connection() as connection:
        row = await _split(connection, process)
        if row is not None:
            return await _change(connection, process, 0.0, actor, "version.rollback", row)
    return await set_share(pool, process, 0.0, actor, engine_version)


async def promote(pool: Pool, process: str, actor: Actor) -> int:
    """Give all new instances the newest version, whichever that is, and forget the other; the newest one's number.

    Raises:
        NotNow: they have it already.
    """
    async with pool.connection() as connection:
        row = await _split(connection, process)
        if row is None:
            raise NotNow(f"All new instances of {process} have the newest version already.")
        entry = await _begin(connection, actor, "version.promote", process, row)
        await connection.execute("DELETE FROM runtime.version_splits WHERE process = %s", (process,))
        await audit.settle(connection, entry, "done", {})
        return int(row["canary_version"] or row["stable_version"])


def _checked(process: str, newest: Version, stable: Version, rules: Rules) -> Placing:
    try:
        return placing(process, newest.drawing, stable.drawing, rules)
    except NotSideBySide as error:
        raise NotNow(str(error)) from None


async def _split(connection: AsyncConnection[DictRow], process: str) -> DictRow | None:
    # Also where there is no row yet, so that two who ask at once come one after the other.
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('fairlead versions ' || %s, 0))", (process,)
    )
    cursor = await connection.execute("SELECT * FROM runtime.version_splits WHERE process = %s", (process,))
    return await cursor.fetchone()


async def _change(
    connection: AsyncConnection[DictRow], process: str, share: float, actor: Actor, action: str, row: DictRow
) -> Split:
    entry = await _begin(connection, actor, action, process, row)
    await connection.execute(
        "UPDATE runtime.version_splits SET share = %s, set_at = clock_timestamp(), set_by = %s, why = %s"
        " WHERE process = %s",
        (share, actor.name, actor.why, process),
    )
    return await _settle(connection, entry, process)


async def _insert(
    connection: AsyncConnection[DictRow],
    actor: Actor,
    stable: Version,
    canary: Version | None,
    share: float,
    found: Placing,
) -> None:
    kept = {NEXT: found.kept} | ({str(canary.key): found.kept} if canary else {})
    await connection.execute(
        """
        INSERT INTO runtime.version_splits (process, stable_key, stable_version, drawing, canary_key, canary_version,
                                            share, entries, kept, set_by, why)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(stable.process, stable.key, stable.version, stable.diagram),
            *((canary.key, canary.version) if canary else (None, None)),
            *(share, found.entries, Jsonb(kept), actor.name, actor.why),
        ),
    )


async def _begin(
    connection: AsyncConnection[DictRow], actor: Actor, action: str, process: str, before: DictRow | None
) -> int:
    return await audit.begin(
        connection,
        actor,
        action,
        target=process,
        subject=f"versions:{process}",
        business_id="",
        before=_facts(before) if before else {},
    )


async def _settle(connection: AsyncConnection[DictRow], entry: int, process: str) -> Split:
    row = await _split(connection, process)
    assert row is not None  # it was just written
    await audit.settle(connection, entry, "done", _facts(row))
    return _of(row)


def _facts(row: DictRow) -> dict[str, Any]:  # Any: JSON
    return {"stable": row["stable_version"], "canary": row["canary_version"], "share": row["share"]}


def _of(row: DictRow) -> Split:
    return Split(row["process"], row["stable_version"], row["canary_version"], row["share"])
