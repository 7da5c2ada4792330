"""Fifty assigners at once on a real PostgreSQL: capacity holds and credits add up, whatever the interleaving."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.lead_routing.assignment.sales_floor import NOON, OnConnection, Seat, clear, credits_of, leads, seat
from workers.lead_routing.adapters.reps import PostgresRepDesk
from workers.lead_routing.domain.assignment import Choice, Demand, NobodyEligible
from workers.runtime.database import Pool, open_pool

ASSIGNERS = 50
TERRITORIES = ("dach", "iberia", "nordics")


@dataclass(frozen=True)
class Wish:
    """A lead to assign; a refused one is released and assigned once more."""

    demand: Demand
    refused: bool


@dataclass(frozen=True)
class Outcome:
    """What the database holds afterwards."""

    owners: list[str | None]
    open_leads: dict[str, int]
    credit_sums: dict[str, float]


@dataclass(frozen=True)
class Crowd:
    """Fifty connections to one database, and the loop they live in."""

    pool: Pool
    runner: asyncio.Runner

    def assign(self, seats: Sequence[Seat], wishes: Sequence[Wish]) -> Outcome:
        """Assign all leads at once, fifty at a time."""
        return self.runner.run(self._assign(seats, wishes))

    async def _assign(self, seats: Sequence[Seat], wishes: Sequence[Wish]) -> Outcome:
        async with self.pool.connection() as connection:
            await clear(connection)
            await seat(connection, seats)
            ids = await leads(connection, len(wishes))
        work = iter(zip(ids, wishes, strict=True))
        owners: list[str | None] = []

        async def assigner() -> None:
            for lead, wish in work:
                owners.append(await self._job(lead, wish))

        await asyncio.gather(*[assigner() for _ in range(ASSIGNERS)])
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                """SELECT rep_id, count(*) FROM routing.assignments
                   WHERE released_at IS NULL GROUP BY rep_id"""
            )
            counts = {row["rep_id"]: row["count"] for row in await cursor.fetchall()}
            sums = {pool: sum((await credits_of(connection, pool)).values()) for pool in TERRITORIES}
        return Outcome(owners, counts, sums)

    async def _job(self, lead: str, wish: Wish) -> str | None:
        try:
            owner = await self._one(lead, 0, wish.demand)
            if not wish.refused:
                return owner
            async with self.pool.connection() as connection:
                assert await PostgresRepDesk(OnConnection(connection)).release(lead, 0, "refused", NOON)
            return await self._one(lead, 1, Demand(wish.demand.territory, refused_by=frozenset({owner})))
        except NobodyEligible:
            return None

    async def _one(self, lead: str, round_: int, demand: Demand) -> str:
        async with self.pool.connection() as connection:
            return (await PostgresRepDesk(OnConnection(connection)).assign(lead, round_, demand, NOON)).rep.id


@pytest.fixture
def crowd(dsn: str) -> Iterator[Crowd]:
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(dsn, min_size=ASSIGNERS, max_size=ASSIGNERS))
        runner.run(pool.wait())
        yield Crowd(pool, runner)
        runner.run(pool.close())


@st.composite
def floors(draw: st.DrawFn) -> tuple[list[Seat], list[Wish]]:
    """Few places in overlapping territories, and more leads than places, reaching them in all three ways."""
    names = [f"rep-{number}" for number in range(draw(st.integers(2, 8)))]
    seats = [
        Seat(
            name,
            territories=tuple(draw(st.sets(st.sampled_from(TERRITORIES), min_size=1))),
            weight=draw(st.sampled_from([0.5, 1.0, 3.0])),
            daily=draw(st.integers(0, 12)),
            room=draw(st.integers(0, 12)),
        )
        for name in names
    ]
    territory, rep = st.sampled_from(TERRITORIES), st.sampled_from(names)
    demand = st.one_of(
        st.builds(Demand, territory),
        st.builds(lambda pool, owner: Demand(pool, account_owner=owner), territory, rep),
        st.builds(lambda pool, owner: Demand(pool, choice=Choice(owner, "triage")), territory, rep),
    )
    kinds = draw(st.lists(st.builds(Wish, demand, st.booleans()), min_size=4, max_size=10))
    return seats, [kinds[number % len(kinds)] for number in range(ASSIGNERS * 2)]


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    # Every example clears the tables itself; making 50 connections for each would take most of the time.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(floor=floors())
def test_capacity_is_never_exceeded(crowd: Crowd, floor: tuple[list[Seat], list[Wish]]) -> None:
    seats, wishes = floor
    outcome = crowd.assign(seats, wishes)
    places = {each.id: min(each.daily, each.room) for each in seats}
    assert all(count <= places[rep] for rep, count in outcome.open_leads.items())
    assert sum(outcome.open_leads.values()) == sum(owner is not None for owner in outcome.owners)
    assert outcome.credit_sums == pytest.approx(dict.fromkeys(TERRITORIES, 0.0), abs=1e-9)


def test_every_place_is_used(crowd: Crowd) -> None:
    seats = [Seat(f"rep-{number}", territories=("dach",), room=10) for number in range(7)]
    outcome = crowd.assign(seats, [Wish(Demand("dach"), refused=False)] * 100)
    assert outcome.open_leads == {each.id: 10 for each in seats}
    assert outcome.owners.count(None) == 30


@pytest.mark.slow
def test_shares_hold_under_contention(crowd: Crowd) -> None:
    seats = [Seat("a", weight=1), Seat("b", weight=2), Seat("c", weight=7)]
    outcome = crowd.assign(seats, [Wish(Demand("dach"), refused=False)] * 500)
    assert outcome.open_leads == {"a": 50, "b": 100, "c": 350}
