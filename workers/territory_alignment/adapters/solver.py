"""The solver: a child process that plans within limits, and the tables that keep what it made.

The numbers layer is imported when first used: every worker of this context imports this module, only one plans.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Gauge
from psycopg.rows import DictRow

from workers.office.beside import write_beside
from workers.runtime import children
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.work import Work
from workers.territory_alignment.adapters.plans import solved_of
from workers.territory_alignment.domain.organisation import Organisation
from workers.territory_alignment.domain.planning import Solved
from workers.territory_alignment.ports.solver import EditImpossible, NoPlan

if TYPE_CHECKING:
    from workers.territory_alignment.solving.order import Order
    from workers.territory_alignment.solving.plan import Plan


log = structlog.get_logger()
CHILD = "workers.territory_alignment.solving.child"
WARMING = "workers.territory_alignment.solving.warming"
PLANNING = Gauge("fairlead_territories_planning", "Searches for territories that this process runs.")
GRACE_SECONDS = 120.0
"""Beyond the search's own limit: starting, reading, explaining clashes, drawing."""


async def warm() -> None:
    """Compile what searches need in a child process, so that the first one finds it."""
    async with children.child(WARMING) as process:
        assert process.stdout is not None
        said = await process.stdout.readline()
    if not said:  # each search compiles for itself
        log.info("not warmed", action="search_not_warmed")


class _Refused(Exception):
    def __init__(self, said: Mapping[str, Any]) -> None:  # Any: JSON
        super().__init__(said["error"])
        self.kind, self.rules = str(said["kind"]), said["rules"]


class ProcessSolver:
    """`Solver` in a child process; progress is written beside the job's transaction, so that it is seen."""

    def __init__(self, work: Work, pool: Pool) -> None:
        self._work = work
        self._pool = pool

    async def solve(
        self,
        alignment_id: str,
        collection_id: str,
        organisation: Organisation,
        *,
        seconds: float,
        memory_mb: int,
        dropped: Sequence[tuple[str, str]],
        leave_out: bool,
        leaving: Sequence[str],
        joining: Sequence[str],
        live: bool,
    ) -> Solved:
        """See `Solver.solve`."""
        from workers.territory_alignment.solving.order import Order  # noqa: PLC0415 - see the module's docstring

        rows = await self._collection(collection_id)
        before = await self._published(organisation.id) if live else b""
        # Without a published plan those who left are no reps any more; their accounts have an owner who is gone.
        staying = [row for row in rows["reps"] if before or row["rep"] not in set(leaving)]
        order = Order(
            name=organisation.id,
            accounts=rows["accounts"],
            reps=staying,
            rules=rows["rules"],
            weights=organisation.weights,
            seconds=seconds,
            memory_mb=memory_mb,
            dropped=[list(one) for one in dropped],
            leave_out=leave_out,
            leaving=list(leaving),
            joining=list(joining),
            published=True,
        )
        try:
            return await self._planned(alignment_id, order, before, rows["accounts"])
        except _Refused as error:
            raise NoPlan(
                str(error),
                variables={
                    "clash_why": str(error),
                    "clash_kind": error.kind,
                    "clash_rules": [
                        {"label": text, "value": f"{kind}:{subject}"} for kind, subject, text in error.rules
                    ],
                },
            ) from error

    async def adjust(
        self,
        alignment_id: str,
        version: str,
        *,
        locked: Mapping[str, str],
        forbidden: AbstractSet[tuple[str, str]],
        seconds: float,
        memory_mb: int,
    ) -> Solved:
        """See `Solver.adjust`."""
        from workers.territory_alignment.solving.order import Order  # noqa: PLC0415 - see the module's docstring

        cursor = await self._work.connection.execute(
            "SELECT name, content FROM territories.plans WHERE version = %s", (version,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(f"There is no plan {version}; withdraw this alignment and ask for another.")
        order = Order(
            name=row["name"],
            accounts=(),
            reps=(),
            rules=(),
            weights={},
            seconds=seconds,
            memory_mb=memory_mb,
            locked=dict(locked),
            forbidden=[list(pair) for pair in sorted(forbidden)],
        )
        cursor = await self._work.connection.execute(
            "SELECT account, region, CASE WHEN key_account THEN 'yes' ELSE '' END AS key_account"
            " FROM territories.plan_accounts WHERE version = %s",
            (version,),
        )
        try:
            return await self._planned(alignment_id, order, bytes(row["content"]), await cursor.fetchall())
        except _Refused as error:
            raise EditImpossible(str(error), variables={"edit_problem": str(error)}) from error

    async def _planned(
        self, alignment_id: str, order: Order, before: bytes, accounts: Sequence[Mapping[str, str]]
    ) -> Solved:
        from workers.territory_alignment.solving import store  # noqa: PLC0415 - see the module's docstring
        from workers.territory_alignment.solving.plan import Plan  # noqa: PLC0415

        content, picture = await self._run(alignment_id, order, before)
        plan = await asyncio.to_thread(Plan.from_bytes, content)
        await store.save(self._work.connection, plan)
        await self._keep_rows(plan, {row["account"]: row for row in accounts})
        await self._work.connection.execute(
            "INSERT INTO territories.pictures (version, png) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (plan.version, picture),
        )
        return solved_of(plan.version, plan.card)

    async def _run(self, alignment_id: str, order: Order, before: bytes) -> tuple[bytes, bytes]:
        ended = "The process that plans ended before it was done; it is started again."
        PLANNING.inc()
        try:
            async with asyncio.timeout(order.seconds + GRACE_SECONDS), children.child(CHILD) as child:
                assert child.stdin is not None and child.stdout is not None  # noqa: PT018 - both are pipes
                child.stdin.write(order.to_line(len(before)) + before)
                async for line in child.stdout:
                    said = json.loads(line)
                    if "error" in said:
                        raise _Refused(said)
                    if "size" in said:
                        content = await child.stdout.readexactly(said["size"])
                        return content, await child.stdout.readexactly(said["picture"])
                    await self._tell(alignment_id, said)
                if await child.wait() == -signal.SIGABRT:  # how native code ends where it gets no memory
                    over = f"the search broke off; perhaps its {order.memory_mb} MB of memory were not enough"
                    raise _Refused({"error": over, "kind": "time", "rules": []})
                raise TransientError(ended)
        except TimeoutError:
            over = f"the search did not end within {order.seconds + GRACE_SECONDS:.0f} seconds"
            raise _Refused({"error": over, "kind": "time", "rules": []}) from None
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError) as error:
            raise TransientError(ended) from error
        finally:
            PLANNING.dec()
            await write_beside(
                self._pool, "DELETE FROM territories.progress WHERE alignment_id = %(id)s", {"id": alignment_id}
            )

    async def _tell(self, alignment_id: str, said: Mapping[str, Any]) -> None:  # Any: JSON
        await write_beside(
            self._pool,
            "INSERT INTO territories.progress (alignment_id, stage, seconds, score, bound)"
            " VALUES (%(alignment_id)s, %(stage)s, %(seconds)s, %(score)s, %(bound)s)"
            " ON CONFLICT (alignment_id) DO UPDATE SET stage = excluded.stage, seconds = excluded.seconds,"
            " score = excluded.score, bound = excluded.bound, at = clock_timestamp()",
            {"alignment_id": alignment_id, **said},
        )

    async def _collection(self, collection_id: str) -> DictRow:
        cursor = await self._work.connection.execute(
            "SELECT accounts, reps, rules FROM territories.collections WHERE collection_id = %s", (collection_id,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise PermanentError(
                f"There is no collection {collection_id}; the task collect_territories must run before."
            )
        return row

    async def _published(self, organisation: str) -> bytes:
        """The plan that the organisation works with; empty: it has published none."""
        cursor = await self._work.connection.execute(
            """
            SELECT content FROM territories.plans WHERE version = (
                SELECT p.plan_version FROM territories.publications p JOIN territories.alignments a USING (alignment_id)
                WHERE p.organisation = %s AND a.state = 'published' ORDER BY p.id DESC LIMIT 1)
            """,
            (organisation,),
        )
        row = await cursor.fetchone()
        return b"" if row is None else bytes(row["content"])

    async def _keep_rows(self, plan: Plan, known: Mapping[str, Mapping[str, str]]) -> None:
        connection = self._work.connection
        there = await connection.execute(
            "SELECT FROM territories.plan_accounts WHERE version = %s LIMIT 1", (plan.version,)
        )
        if there.rowcount:
            return
        names = ("account", "rep", "owner", "potential", "workload", "km", "why")
        async with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY territories.plan_accounts (version, place, account, rep, owner, potential, workload, km, why,"
                " region, key_account) FROM STDIN"
            ) as copy,
        ):
            for place, row in enumerate(plan.accounts[list(names)].to_dict("records")):
                about = known.get(str(row["account"]), {})
                await copy.write_row(
                    (
                        *(plan.version, place, *(row[name] for name in names)),
                        *(about.get("region", ""), about.get("key_account", "") == "yes"),
                    )
                )
