"""The planner: plans in a child process and keeps what it made (tables quotas.plans and cases).

The numbers layer is imported when first used: every worker of this context imports this module, only one plans.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, LiteralString

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.archive_rows import ArchiveRows
from workers.quota_approval.domain.buffers import with_buffer
from workers.quota_approval.domain.cases import Fact
from workers.quota_approval.domain.plans import PlanFacts
from workers.quota_approval.domain.reviews import Organisation, Review
from workers.quota_approval.ports.planning import AdjustmentImpossible, PlanImpossible
from workers.runtime.children import child
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.work import Work

if TYPE_CHECKING:
    from workers.quota_approval.planning.child import Order
    from workers.quota_approval.planning.plan import QuotaPlan

CHILD = "workers.quota_approval.planning.child"
PLANS = ArchiveRows("quotas", "plans")
MEMORY_MB = 2_000
SECONDS = 240.0
"""A plan of 2,000 reps takes ten."""
_SHOWN = 10


class _Refused(Exception):
    """The child says why it cannot be done."""


class ProcessPlanner:
    """`Planner` in a child process, within `seconds` and `memory_mb`."""

    def __init__(self, work: Work, *, seconds: float = SECONDS, memory_mb: int = MEMORY_MB) -> None:
        self._work = work
        self._seconds = seconds
        self._memory_mb = memory_mb

    async def plan(self, review: Review, organisation: Organisation, input_id: str, target: float | None) -> PlanFacts:
        """See `Planner.plan`."""
        from workers.quota_approval.planning.child import Order  # noqa: PLC0415 - see the module's docstring

        (stored,) = await self._rows("SELECT content FROM quotas.inputs WHERE input_id = %s", input_id)
        content = bytes(stored["content"])
        rules = dict(organisation.rules) | {"period": review.period, "currency": organisation.currency}
        if target is not None:
            rules["target"] = target
        held = await self._held(review) if review.reason == "adjustment" else None
        order = Order(size=len(content), memory_mb=self._memory_mb, rules=rules, concerned=review.concerned, held=held)
        try:
            made = await self._run(order, content)
        except _Refused as error:
            raise PlanImpossible(str(error), variables={"plan_why": str(error)}) from error
        await self._keep(review, made, at_first=True)
        return await asyncio.to_thread(_plan_facts, made)

    async def adjust(self, review: Review, node: str, cents: int, reason: str) -> None:
        """See `Planner.adjust`."""
        from workers.quota_approval.planning.child import Order  # noqa: PLC0415 - see the module's docstring

        # Of two changes at the same moment the second one is made to what the first one left.
        (row,) = await self._rows("SELECT version FROM quotas.reviews WHERE quota_id = %s FOR UPDATE", review.quota_id)
        content = await PLANS.content(self._work.connection, row["version"])
        if content is None:
            raise PermanentError(f"The plan {row['version']} is gone; withdraw this review and ask for another.")
        order = Order(size=len(content), memory_mb=self._memory_mb, node=node, cents=cents, reason=reason)
        try:
            made = await self._run(order, content)
        except _Refused as error:
            raise AdjustmentImpossible(str(error), variables={"approval_problem": str(error)}) from error
        await self._keep(review, made, at_first=False)

    async def _run(self, order: Order, content: bytes) -> QuotaPlan:
        from workers.quota_approval.planning.plan import QuotaPlan  # noqa: PLC0415 - see the module's docstring

        try:
            async with asyncio.timeout(self._seconds), child(CHILD) as planning:
                assert planning.stdin is not None and planning.stdout is not None  # noqa: PT018 - both are pipes
                planning.stdin.write(order.to_line() + content)
                line = await planning.stdout.readline()
                if not line:
                    code = await planning.wait()
                    raise _Refused(
                        f"the planner ended before it was done (exit {code}); it may have needed more memory"
                    )
                said = json.loads(line)
                if "error" in said:
                    raise _Refused(said["error"])
                made = await planning.stdout.readexactly(said["size"])
        except TimeoutError as error:
            raise _Refused(f"no plan was found within {self._seconds:.0f} seconds") from error
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError) as error:
            raise TransientError("The process that plans ended before it was done; it is started again.") from error
        return await asyncio.to_thread(QuotaPlan.from_bytes, made)

    async def _held(self, review: Review) -> dict[str, int]:
        """Cents of everybody in the version of the period that was published last."""
        rows = await self._rows(
            "SELECT s.node, s.quota FROM quotas.published s WHERE s.version = ("
            " SELECT p.version FROM quotas.publications p JOIN quotas.reviews r USING (quota_id)"
            " WHERE p.organisation = %s AND p.period = %s AND r.state = 'published' ORDER BY p.id DESC LIMIT 1)",
            review.organisation,
            review.period,
        )
        return {row["node"]: row["quota"] for row in rows}

    async def _keep(self, review: Review, made: QuotaPlan, *, at_first: bool) -> None:
        """Keep the version; a case whose quota moved is open again."""
        connection = self._work.connection
        await PLANS.save(connection, made)
        await connection.execute(
            "UPDATE quotas.reviews SET version = %s WHERE quota_id = %s", (made.version, review.quota_id)
        )
        if at_first:
            await connection.execute("DELETE FROM quotas.cases WHERE quota_id = %s", (review.quota_id,))
        published = await self._held(review) if at_first and review.reason == "adjustment" else {}
        facts, months = await asyncio.to_thread(lambda: (_facts(made), _months(made)))
        async with connection.cursor() as cursor:
            await cursor.executemany(
                """
                INSERT INTO quotas.cases AS c (quota_id, node, place, facts, quota, first_quota, months, state, level)
                VALUES (%(id)s, %(node)s, %(place)s, %(facts)s, %(quota)s, %(quota)s, %(months)s, %(state)s, %(level)s)
                ON CONFLICT (quota_id, node) DO UPDATE SET quota = excluded.quota, months = excluded.months,
                    facts = excluded.facts || jsonb_build_object(
                        'adjusted', (c.facts->>'adjusted')::bool, 'objected', (c.facts->>'objected')::bool),
                    state = CASE WHEN c.quota = excluded.quota THEN c.state ELSE 'open' END
                """,
                [
                    {
                        "id": review.quota_id,
                        "node": one.node,
                        "place": place,
                        "facts": Jsonb(asdict(one)),
                        "quota": one.quota,
                        "months": Jsonb(months[one.node]),
                        # Who keeps the published quota was approved with it.
                        "state": "approved" if published.get(one.node) == one.quota else "open",
                        "level": "none" if published.get(one.node) == one.quota else None,
                    }
                    for place, one in enumerate(facts)
                ],
            )

    async def _rows(self, query: LiteralString, *values: object) -> list[DictRow]:
        cursor = await self._work.connection.execute(query, values)
        return await cursor.fetchall()


def _facts(plan: QuotaPlan) -> list[Fact]:
    from workers.quota_approval.planning.facts import node_facts  # noqa: PLC0415 - see the module's docstring

    found = node_facts(plan)
    whole = found[0].quota
    return [
        Fact(
            node=one.node,
            name=one.name,
            level=one.level,
            parent=one.parent,
            quota=one.quota,
            share_of_total=round(one.quota / whole, 6) if whole else 0.0,
            last_quota=one.last_quota,
            change=None if one.change is None else round(one.change, 6),
            expected=one.expected,
            odds=round(one.odds, 4),
            peer_quota=one.peer_quota,
            peer_odds=round(one.peer_odds, 4),
            broken=len(one.broken),
            rules=(*one.broken, *one.pressing)[:_SHOWN],
            objected=False,
            adjusted=False,
        )
        for one in found
    ]


def _months(plan: QuotaPlan) -> dict[str, dict[str, int]]:
    from workers.quota_approval.planning.facts import node_months  # noqa: PLC0415 - see the module's docstring

    return node_months(plan)


def _plan_facts(plan: QuotaPlan) -> PlanFacts:
    from workers.quota_approval.planning.rules import REP  # noqa: PLC0415 - see the module's docstring

    nodes, reps = plan.nodes, plan.nodes[plan.nodes["level"] == REP]
    figures, rules = plan.card["figures"], plan.problems["rule"]
    tree, quotas, buffers = plan.organisation, plan.solved.quotas, plan.basis.buffers
    gap = sum(
        abs(sum(quotas[member] for member in members) - with_buffer(quotas[unit], buffers[unit]))
        for unit, members in enumerate(tree.children)
        if members
    )
    planned = reps[reps["quota"] > 0]
    idle = set(plan.problems[rules == "not_at_work"]["where"])
    target, expected = int(nodes["quota"].iloc[0]), round(float(figures["expected"]) * 100)
    return PlanFacts(
        version=plan.version,
        nodes=len(nodes),
        reps=len(reps),
        target=target,
        expected=expected,
        gap=gap,
        stretch=round(target / expected - 1, 4) if expected else 1.0,
        left_out=int((~rules.isin(["no_territory", "not_at_work", "no_reps", "not_calibrated"])).sum()),
        without_territory=int((rules == "no_territory").sum()),
        left=int(planned["node"].isin(idle).sum()),
        low_odds=round(float((planned["odds"] < 0.15).mean()), 4) if len(planned) else 0.0,
        high_odds=round(float((planned["odds"] > 0.85).mean()), 4) if len(planned) else 0.0,
        calibrated=not bool((rules == "not_calibrated").any()),
        problems=tuple(plan.problems["text"].head(_SHOWN)),
    )
