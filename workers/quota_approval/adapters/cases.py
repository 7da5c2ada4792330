"""Cases and the signed trail on PostgreSQL (tables quotas.cases and trail)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.quota_approval.domain.cases import Case, Decided, Fact, Waiting, strictest
from workers.quota_approval.domain.people import Stage
from workers.quota_approval.domain.showing import Peer, RollUp, money, percent, signed
from workers.quota_approval.domain.trail import mac_of
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.work import Work

PAGE = 40
"""Facts of so many quotas, with what the table says of them, are under 16 KB of variables."""
_PEERS = 20


class PostgresCaseDesk:
    """`CaseDesk` on the job's connection; `page` on one of the pool's."""

    def __init__(self, work: Work, pool: Pool, secret: bytes) -> None:
        self._work = work
        self._pool = pool
        self._secret = secret

    async def pages(self, quota_id: str) -> int:
        """See `CaseDesk.pages`."""
        (row,) = await self._rows(
            "SELECT count(*) AS n FROM quotas.cases WHERE quota_id = %s AND state = 'open'", quota_id
        )
        return -(-int(row["n"]) // PAGE)

    async def page(self, quota_id: str, page: int) -> Sequence[Fact]:
        """See `CaseDesk.page`: what was decided leaves, so the first page is always the next one."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT facts FROM quotas.cases WHERE quota_id = %s AND state = 'open' ORDER BY place LIMIT %s",
                (quota_id, PAGE),
            )
            rows = await cursor.fetchall()
        if not rows:
            raise PermanentError(f"{quota_id} has no page {page} of open quotas; was its plan made?")
        return [_fact(row["facts"]) for row in rows]

    async def decide(self, quota_id: str, decided: Sequence[Decided], at: datetime) -> None:
        """See `CaseDesk.decide`."""
        counted: dict[str, int] = {}
        async with self._work.connection.cursor() as cursor:
            for one in decided:
                level, why = strictest(one.level, one.why)
                counted[level] = counted.get(level, 0) + 1
                # What a person set is waiting, and stays with whoever is above them: no table approves it.
                await cursor.execute(
                    "UPDATE quotas.cases SET level = %s, why = %s,"
                    " stage = CASE state WHEN 'waiting' THEN stage ELSE 'manager' END,"
                    " state = CASE WHEN %s = 'none' AND state = 'open' THEN 'approved' ELSE 'waiting' END"
                    " WHERE quota_id = %s AND node = %s",
                    (level, why, level, quota_id, one.node),
                )
        await self.sign(quota_id, None, "levels_decided", "decision table", at, counted)

    async def waiting(self, quota_id: str) -> tuple[Sequence[Waiting], float]:
        """See `CaseDesk.waiting`."""
        rows = await self._rows(
            "SELECT node, level, state FROM quotas.cases WHERE quota_id = %s ORDER BY place", quota_id
        )
        found = [Waiting(row["node"], row["level"]) for row in rows if row["state"] == "waiting"]
        free = sum(row["level"] == "none" for row in rows)
        return found, free / len(rows) if rows else 0.0

    async def case(self, quota_id: str, node: str) -> Case:
        """See `CaseDesk.case`."""
        rows = await self._rows(
            "SELECT * FROM quotas.cases WHERE quota_id = %s AND node = %s FOR UPDATE", quota_id, node
        )
        if not rows:
            raise PermanentError(f"{quota_id} has no quota of {node}; withdraw this review and ask for another.")
        row = rows[0]
        return Case(
            node=node,
            fact=_fact(row["facts"]),
            quota=row["quota"],
            first_quota=row["first_quota"],
            level=row["level"],
            why=row["why"],
            stage=row["stage"],
            adjusted_by=row["adjusted_by"],
            adjusted_why=row["adjusted_why"],
            comment=row["comment"],
            given_to=row["given_to"],
            objection=row["objection"],
        )

    async def path(self, quota_id: str, node: str) -> Sequence[str]:
        """See `CaseDesk.path`."""
        rows = await self._rows(
            """
            WITH RECURSIVE up AS (
                SELECT node, facts->>'parent' AS parent, 0 AS depth FROM quotas.cases
                WHERE quota_id = %s AND node = %s
                UNION ALL
                SELECT c.node, c.facts->>'parent', up.depth + 1 FROM quotas.cases c JOIN up ON c.node = up.parent
                WHERE c.quota_id = %s
            )
            SELECT node FROM up ORDER BY depth
            """,
            quota_id,
            node,
            quota_id,
        )
        return [row["node"] for row in rows]

    async def peers(self, quota_id: str, node: str) -> Sequence[Peer]:
        """See `CaseDesk.peers`."""
        rows = await self._rows(
            "SELECT c.facts, c.quota FROM quotas.cases c JOIN quotas.cases mine ON mine.quota_id = c.quota_id"
            " AND mine.node = %s AND mine.facts->>'parent' = c.facts->>'parent' AND c.node <> mine.node"
            " WHERE c.quota_id = %s AND c.facts->>'parent' <> '' ORDER BY c.quota DESC LIMIT %s",
            node,
            quota_id,
            _PEERS,
        )
        return [Peer(row["facts"]["name"], money(row["quota"]), percent(row["facts"]["odds"])) for row in rows]

    async def roll_up(self, quota_id: str, node: str) -> Sequence[RollUp]:
        """See `CaseDesk.roll_up`."""
        found = []
        for unit in (await self.path(quota_id, node))[1:]:
            (row,) = await self._rows(
                "SELECT u.facts->>'name' AS name, u.quota, u.first_quota, sum(m.quota)::bigint AS members,"
                " sum(m.first_quota)::bigint AS before FROM quotas.cases u JOIN quotas.cases m"
                " ON m.quota_id = u.quota_id AND m.facts->>'parent' = u.node"
                " WHERE u.quota_id = %s AND u.node = %s GROUP BY u.facts, u.quota, u.first_quota",
                quota_id,
                unit,
            )
            moved = row["members"] / row["before"] - 1 if row["before"] else None
            found.append(RollUp(row["name"], money(row["quota"]), money(row["members"]), signed(moved)))
        return found

    async def settle(self, quota_id: str, node: str) -> None:
        """See `CaseDesk.settle`."""
        await self._change(
            "UPDATE quotas.cases SET state = 'approved', comment = '', given_to = NULL"
            " WHERE quota_id = %s AND node = %s AND state = 'waiting'",
            quota_id,
            node,
        )

    async def hand_on(
        self, quota_id: str, node: str, stage: Stage, *, comment: str = "", given_to: str | None = None
    ) -> None:
        """See `CaseDesk.hand_on`."""
        await self._change(
            "UPDATE quotas.cases SET stage = %s, comment = %s, given_to = %s WHERE quota_id = %s AND node = %s",
            stage,
            comment,
            given_to,
            quota_id,
            node,
        )

    async def adjusted(self, quota_id: str, node: str, by: str, reason: str, stage: Stage) -> None:
        """See `CaseDesk.adjusted`."""
        await self._change(
            "UPDATE quotas.cases SET adjusted_by = %s, adjusted_why = %s, stage = %s, comment = '', given_to = NULL,"
            " objection = '', state = 'waiting', facts = facts || '{\"adjusted\": true, \"objected\": false}'"
            " WHERE quota_id = %s AND node = %s",
            by,
            reason,
            stage,
            quota_id,
            node,
        )

    async def deciders_so_far(self, quota_id: str, node: str) -> Sequence[str]:
        """See `CaseDesk.deciders_so_far`."""
        rows = await self._rows(
            "SELECT DISTINCT actor FROM quotas.trail WHERE quota_id = %s AND node = %s AND action = 'adjusted'",
            quota_id,
            node,
        )
        return [row["actor"] for row in rows]

    async def last_decision(self, quota_id: str, node: str) -> tuple[str, Mapping[str, Any]]:  # Any: JSON
        """See `CaseDesk.last_decision`."""
        rows = await self._rows(
            "SELECT actor, seen FROM quotas.trail WHERE quota_id = %s AND node = %s AND action = 'decided'"
            " ORDER BY number DESC LIMIT 1",
            quota_id,
            node,
        )
        if not rows:
            raise PermanentError(
                f"Nobody decided about {node} of {quota_id}; the task record_decision must run before."
            )
        return rows[0]["actor"], rows[0]["seen"]

    async def ask(self, quota_id: str, nodes: Sequence[str]) -> Sequence[str]:
        """See `CaseDesk.ask`."""
        rows = await self._rows(
            "UPDATE quotas.cases SET asked_quota = quota WHERE quota_id = %s AND node = ANY(%s)"
            " AND asked_quota IS DISTINCT FROM quota RETURNING node, place",
            quota_id,
            list(nodes),
        )
        return [row["node"] for row in sorted(rows, key=lambda row: int(row["place"]))]

    async def raise_objection(self, quota_id: str, node: str, objection: str) -> None:
        """See `CaseDesk.raise_objection`."""
        await self._change(
            "UPDATE quotas.cases SET objection = %s, state = 'open', stage = NULL,"
            " facts = facts || '{\"objected\": true}' WHERE quota_id = %s AND node = %s",
            objection,
            quota_id,
            node,
        )

    async def objections(self, quota_id: str) -> int:
        """See `CaseDesk.objections`."""
        (row,) = await self._rows(
            "SELECT count(*) AS n FROM quotas.cases WHERE quota_id = %s AND state = 'open' AND objection <> ''",
            quota_id,
        )
        return int(row["n"])

    async def open_nodes(self, quota_id: str) -> Sequence[str]:
        """See `CaseDesk.open_nodes`."""
        rows = await self._rows(
            "SELECT node FROM quotas.cases WHERE quota_id = %s AND state <> 'approved' ORDER BY place", quota_id
        )
        return [row["node"] for row in rows]

    async def sign(
        self, quota_id: str, node: str | None, action: str, actor: str, at: datetime, seen: Mapping[str, object]
    ) -> None:
        """See `CaseDesk.sign`."""
        # One writer at a time: the next row needs the one before.
        await self._rows("SELECT FROM quotas.reviews WHERE quota_id = %s FOR UPDATE", quota_id)
        rows = await self._rows(
            "SELECT number, mac FROM quotas.trail WHERE quota_id = %s ORDER BY number DESC LIMIT 1", quota_id
        )
        number, before = (rows[0]["number"] + 1, rows[0]["mac"]) if rows else (1, "")
        mac = mac_of(self._secret, before, quota_id, number, node, action, actor, at, seen)
        await self._change(
            "INSERT INTO quotas.trail (quota_id, number, node, action, actor, at, seen, mac)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            quota_id,
            number,
            node,
            action,
            actor,
            at,
            Jsonb(dict(seen)),
            mac,
        )

    async def _rows(self, query: LiteralString, *values: object) -> list[DictRow]:
        cursor = await self._work.connection.execute(query, values)
        return await cursor.fetchall()

    async def _change(self, query: LiteralString, *values: object) -> None:
        await self._work.connection.execute(query, values)


def _fact(stored: DictRow) -> Fact:
    return Fact(**stored | {"rules": tuple(stored["rules"])})
