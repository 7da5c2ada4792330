"""What works with territories: owners of accounts in the CRM (table crm.accounts), and the territories of reps in lead
routing (table routing.reps). Both are other systems: connections and transactions of their own, written through the
outbox only.

Besides the log of versions (`workers.office.targets`) each keeps what a change replaced, entry by entry. Undoing a change
puts exactly that back; where somebody changed an entry since, it stays as it is, and where a later version replaced it, that
version's undo brings back what was there before both.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.office.targets import VersionDelivery
from workers.runtime.errors import DependencyDown, TransientError
from workers.runtime.outside import OutsideDatabase

Values = Mapping[str, Any]
"""Account or rep → what it has, as JSON."""
SHOWN = 5


class RoutingDown(TransientError):
    """The database of lead routing did not answer in time; it is asked again."""

    runbook = "crm-away"


class RoutingResting(DependencyDown, RoutingDown):
    """Lead routing failed too often of late and is not asked for a while."""


class RoutingDatabase(OutsideDatabase):
    """The way to lead routing's tables; raises `RoutingDown` and `RoutingResting`."""

    title = "lead routing"
    dependency = "routing_territories"
    down = RoutingDown
    resting = RoutingResting


class TerritoryDelivery(VersionDelivery):
    """Carries territories to a target. A subclass says what an entry is, and how it is read and written there."""

    kind = "territory"
    ours = "territories"
    scope = "organisation"

    async def published(self, connection: AsyncConnection[DictRow], version: str) -> DictRow | None:
        """See `VersionDelivery.published`; with ``wanted``, the entries that the version asks for."""
        cursor = await connection.execute(
            "SELECT version, organisation, plan_version, effective_from FROM territories.publications"
            " WHERE version = %s",
            (version,),
        )
        row = await cursor.fetchone()
        return None if row is None else row | {"wanted": await self.wanted(connection, row)}

    async def store(self, there: AsyncConnection[DictRow], version: str, published: DictRow) -> None:
        """See `VersionDelivery.store`."""
        await there.execute(
            self._sql(
                "INSERT INTO {target}.{versions} (version, organisation, effective_from) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING"  # a second attempt at the same version
            ),
            (version, published["organisation"], published["effective_from"]),
        )

    def refusal(self, published: DictRow, terms: DictRow) -> str:
        """See `VersionDelivery.refusal`."""
        frozen, begins = terms["frozen_until"], published["effective_from"]
        return (
            f"it is frozen until {frozen}, and the territories take effect on {begins}"
            if frozen and begins < frozen
            else ""
        )

    async def objection(self, there: AsyncConnection[DictRow], published: DictRow, terms: DictRow) -> str:
        """See `VersionDelivery.objection`."""
        if refusal := self.refusal(published, terms):
            return refusal
        known = await self.current(there, list(published["wanted"]))
        unknown = sorted(published["wanted"].keys() - known.keys())
        if unknown:
            more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
            return f"it does not know {', '.join(unknown[:SHOWN])}{more}"
        return ""

    async def put_in_use(self, there: AsyncConnection[DictRow], change: str, published: DictRow) -> None:
        """See `VersionDelivery.put_in_use`: write what differs, and keep what it replaced."""
        wanted = published["wanted"]
        before = await self.current(there, list(wanted))
        changed = {subject: new for subject, new in wanted.items() if before[subject] != new}
        async with there.cursor() as cursor:
            await cursor.executemany(
                self._sql(
                    "INSERT INTO {target}.territory_entries (change_id, subject, old, new) VALUES (%s, %s, %s, %s)"
                ),
                [(change, subject, Jsonb(before[subject]), Jsonb(new)) for subject, new in changed.items()],
            )
        await self.write(there, changed)

    async def take_back(self, there: AsyncConnection[DictRow], change: str) -> None:
        """See `VersionDelivery.take_back`."""
        cursor = await there.execute(
            self._sql("SELECT subject, old, new FROM {target}.territory_entries WHERE change_id = %s"), (change,)
        )
        entries = await cursor.fetchall()
        now = await self.current(there, [one["subject"] for one in entries])
        # A later change that replaced ours gives back what was there before ours.
        cursor = await there.execute(
            self._sql("""
            WITH ours AS (
                SELECT e.subject, e.old, e.new, c.id FROM {target}.territory_entries e
                JOIN {target}.{changes} c USING (change_id) WHERE c.change_id = %s),
            later AS (
                SELECT DISTINCT ON (e.subject) e.change_id, e.subject, o.old, o.new, e.old AS theirs
                FROM ours o JOIN {target}.territory_entries e USING (subject)
                JOIN {target}.{changes} c ON c.change_id = e.change_id AND c.undone_at IS NULL AND c.id > o.id
                ORDER BY e.subject, c.id)
            UPDATE {target}.territory_entries e SET old = l.old FROM later l
            WHERE e.change_id = l.change_id AND e.subject = l.subject AND l.theirs = l.new RETURNING e.subject
            """),
            (change,),
        )
        passed_on = {row["subject"] for row in await cursor.fetchall()}
        await self.write(
            there,
            {
                one["subject"]: one["old"]
                for one in entries
                if one["subject"] not in passed_on and now.get(one["subject"]) == one["new"]
            },
        )

    @abstractmethod
    async def wanted(self, connection: AsyncConnection[DictRow], published: DictRow) -> Values:
        """What a version asks for, by our tables."""

    @abstractmethod
    async def current(self, there: AsyncConnection[DictRow], subjects: Sequence[str]) -> Values:
        """What they have at the target, locked; those that it does not know are left out."""

    @abstractmethod
    async def write(self, there: AsyncConnection[DictRow], values: Values) -> None:
        """Give each subject its value."""


class OwnerDelivery(TerritoryDelivery):
    """Owners of accounts in the CRM."""

    async def wanted(self, connection: AsyncConnection[DictRow], published: DictRow) -> Values:
        """See `TerritoryDelivery.wanted`."""
        return await _owners(connection, published["plan_version"])

    async def current(self, there: AsyncConnection[DictRow], subjects: Sequence[str]) -> Values:
        """See `TerritoryDelivery.current`."""
        cursor = await there.execute(
            "SELECT id, owner_id FROM crm.accounts WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (list(subjects),)
        )
        return {row["id"]: row["owner_id"] for row in await cursor.fetchall()}

    async def write(self, there: AsyncConnection[DictRow], values: Values) -> None:
        """See `TerritoryDelivery.write`."""
        await there.execute(
            "UPDATE crm.accounts a SET owner_id = given.owner, updated_at = clock_timestamp()"
            " FROM unnest(%s::text[], %s::text[]) AS given (id, owner) WHERE a.id = given.id",
            (list(values), list(values.values())),
        )


async def owners_of(connection: AsyncConnection[DictRow], version: str) -> tuple[str, Values] | None:
    """The organisation of a version and the rep of each account, for a CRM that is reached by a connector."""
    cursor = await connection.execute(
        "SELECT organisation, plan_version FROM territories.publications WHERE version = %s", (version,)
    )
    row = await cursor.fetchone()
    return None if row is None else (row["organisation"], await _owners(connection, row["plan_version"]))


async def _owners(connection: AsyncConnection[DictRow], plan_version: str) -> Values:
    cursor = await connection.execute(
        "SELECT account, rep FROM territories.plan_accounts WHERE version = %s", (plan_version,)
    )
    return {row["account"]: row["rep"] for row in await cursor.fetchall()}


class RoutingDelivery(TerritoryDelivery):
    """Territories that reps take leads of: the regions of the accounts that they own. Who leaves takes none; who has no
    account whose region is known keeps what they have.
    """

    async def wanted(self, connection: AsyncConnection[DictRow], published: DictRow) -> Values:
        """See `TerritoryDelivery.wanted`."""
        cursor = await connection.execute(
            """
            SELECT r.rep, count(a.account)::int AS accounts,
                array_agg(DISTINCT a.region ORDER BY a.region) FILTER (WHERE a.region <> '') AS regions
            FROM territories.reps r
            LEFT JOIN territories.plan_accounts a ON a.version = %s AND a.rep = r.rep
            WHERE r.organisation = %s
              AND r.rep IN (SELECT rep FROM territories.plan_accounts WHERE version = %s
                            UNION SELECT owner FROM territories.plan_accounts WHERE version = %s)
            GROUP BY r.rep
            """,
            (
                published["plan_version"],
                published["organisation"],
                published["plan_version"],
                published["plan_version"],
            ),
        )
        return {
            row["rep"]: row["regions"] or [] for row in await cursor.fetchall() if row["regions"] or not row["accounts"]
        }

    async def current(self, there: AsyncConnection[DictRow], subjects: Sequence[str]) -> Values:
        """See `TerritoryDelivery.current`."""
        cursor = await there.execute(
            "SELECT id, territories FROM routing.reps WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            (list(subjects),),
        )
        return {row["id"]: row["territories"] for row in await cursor.fetchall()}

    async def write(self, there: AsyncConnection[DictRow], values: Values) -> None:
        """See `TerritoryDelivery.write`."""
        async with there.cursor() as cursor:
            await cursor.executemany(
                "UPDATE routing.reps SET territories = %s WHERE id = %s",
                [(list(territories), rep) for rep, territories in values.items()],
            )
