"""The assignment desk on a real PostgreSQL: what it books and gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from tests.unit.lead_routing.assignment.sales_floor import (
    NOON,
    OFFICE,
    OnConnection,
    Seat,
    absent,
    credits_of,
    leads,
    seat,
)
from workers.lead_routing.adapters.reps import PostgresRepDesk
from workers.lead_routing.domain.assignment import Choice, Demand, NobodyEligible, Obstacle
from workers.lead_routing.ports.reps import AlreadyAssigned, RepDesk
from workers.runtime.database import Pool

DACH = Demand(territory="dach", language="de")


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[AsyncConnection[DictRow]]:
    async with pool.connection() as opened:
        yield opened


@pytest.fixture
def desk(connection: AsyncConnection[DictRow]) -> RepDesk:
    return PostgresRepDesk(OnConnection(connection))


async def assignment(connection: AsyncConnection[DictRow], lead_id: str, round_: int = 0) -> DictRow:
    cursor = await connection.execute(
        "SELECT * FROM routing.assignments WHERE lead_id = %s AND round = %s", (lead_id, round_)
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def test_leads_are_shared_by_weight(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(connection, [Seat("a", weight=1), Seat("b", weight=2), Seat("c", weight=5)])
    given_out = Counter([(await desk.assign(lead, 0, DACH, NOON)).rep.id for lead in await leads(connection, 80)])
    assert given_out == {"a": 10, "b": 20, "c": 50}
    assert sum((await credits_of(connection, "dach")).values()) == pytest.approx(0)


async def test_releasing_gives_back_slot_and_credits_once(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(connection, [Seat("a", weight=3, room=1), Seat("b", weight=2, room=1)])
    first, second = await leads(connection, 2)
    await desk.assign(first, 0, DACH, NOON)
    before = await credits_of(connection, "dach")
    taken = await desk.assign(second, 0, DACH, NOON)
    released = await desk.release(second, 0, "refused", NOON)
    assert released is not None
    assert (released.rep_id, released.pool, dict(released.credits)) == (taken.rep.id, "dach", dict(taken.changes))
    assert await credits_of(connection, "dach") == pytest.approx(before)
    assert await desk.release(second, 0, "again", NOON) is None
    assert await desk.release("lead-unknown", 0, "never was", NOON) is None
    assert await credits_of(connection, "dach") == pytest.approx(before)
    assert (await assignment(connection, second))["release_why"] == "refused"
    assert (await desk.assign(second, 1, DACH, NOON)).rep.id == taken.rep.id, "the slot is free again"


async def test_release_undoes_its_own_change_only(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(connection, [Seat("a"), Seat("b"), Seat("c", weight=2)])
    one, two, three = await leads(connection, 3)
    await desk.assign(one, 0, DACH, NOON)
    after_one = await credits_of(connection, "dach")
    turn = await desk.assign(two, 0, DACH, NOON)
    await desk.assign(three, 0, DACH, NOON)
    after_three = await credits_of(connection, "dach")
    await desk.release(two, 0, "refused", NOON)
    left = await credits_of(connection, "dach")
    assert left == pytest.approx({rep: after_three[rep] - turn.changes.get(rep, 0.0) for rep in after_one})


async def test_a_lead_has_one_owner(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(connection, [Seat("a"), Seat("b")])
    (lead,) = await leads(connection, 1)
    await desk.assign(lead, 0, DACH, NOON)
    before = await credits_of(connection, "dach")
    for round_ in (0, 1):
        with pytest.raises(AlreadyAssigned, match="Release"):
            await desk.assign(lead, round_, DACH, NOON)
    assert await credits_of(connection, "dach") == before


async def test_daily_capacity_counts_the_reps_own_day(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(connection, [Seat("a", daily=1, timezone="Pacific/Auckland")])
    one, two, three = await leads(connection, 3)
    before_midnight = datetime(2026, 11, 18, 10, 59, tzinfo=UTC)  # 23:59 in Auckland
    await desk.assign(one, 0, DACH, before_midnight)
    with pytest.raises(NobodyEligible, match="daily capacity"):
        await desk.assign(two, 0, DACH, before_midnight)
    await desk.assign(two, 0, DACH, before_midnight + timedelta(minutes=1))
    assert (await assignment(connection, two))["local_day"] == date(2026, 11, 19)
    with pytest.raises(NobodyEligible, match="daily capacity"):
        await desk.assign(three, 0, DACH, NOON)


async def test_closing_frees_the_open_slot_but_not_the_day(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(connection, [Seat("a", daily=2, room=1)])
    one, two, three = await leads(connection, 3)
    await desk.assign(one, 0, DACH, NOON)
    assert await desk.accept(one, 0, NOON)
    with pytest.raises(NobodyEligible, match="no room"):
        await desk.assign(two, 0, DACH, NOON)
    assert await desk.close(one, NOON)
    assert not await desk.close(one, NOON)
    await desk.assign(two, 0, DACH, NOON)
    await desk.close(two, NOON)
    with pytest.raises(NobodyEligible, match="daily capacity"):
        await desk.assign(three, 0, DACH, NOON)
    assert not await desk.accept(three, 0, NOON)


async def test_absent_get_nothing_and_do_not_accrue(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(connection, [Seat("a"), Seat("b"), Seat("away")])
    await absent(connection, "away", NOON - timedelta(days=2), NOON + timedelta(days=2))
    owners = {(await desk.assign(lead, 0, DACH, NOON)).rep.id for lead in await leads(connection, 20)}
    assert owners == {"a", "b"}
    assert (await credits_of(connection, "dach"))["away"] == pytest.approx(0)


async def test_account_owner_and_choices_take_slots_but_no_credit(
    desk: RepDesk, connection: AsyncConnection[DictRow]
) -> None:
    await seat(connection, [Seat("a", room=2), Seat("b", territories=("iberia",), room=1)])
    one, two, three, four = await leads(connection, 4)
    owned = await desk.assign(one, 0, Demand(territory="dach", account_owner="b"), NOON)
    assert (owned.rep.id, owned.rule) == ("b", "account_owner")
    with pytest.raises(NobodyEligible, match="no room"):
        await desk.assign(two, 0, Demand(territory="dach", choice=Choice("b", "triage")), NOON)
    override = await desk.assign(two, 0, Demand(territory="dach", choice=Choice("b", "manager")), NOON)
    assert Obstacle.OPEN_CAPACITY in override.overrides
    assert await credits_of(connection, "dach") == {}
    assert (await assignment(connection, two))["pool"] is None
    passed = await desk.assign(three, 0, Demand(territory="dach", account_owner="b"), NOON)
    assert passed.rep.id == "a"
    assert "The account's owner has no room" in passed.why
    with pytest.raises(NobodyEligible, match="not in the sales organisation"):
        await desk.assign(four, 0, Demand(choice=Choice("nobody", "manager")), NOON)


async def test_a_rep_with_a_broken_calendar_stops_nobody_else(
    desk: RepDesk, connection: AsyncConnection[DictRow]
) -> None:
    await seat(connection, [Seat("a"), Seat("broken", timezone="Mars/Olympus", weight=9)])
    (lead,) = await leads(connection, 1)
    assert (await desk.assign(lead, 0, DACH, NOON)).rep.id == "a"
    assert [each.value for each in await desk.suggestions(DACH, NOON, "manager")] == ["a"]


async def test_suggestions_and_next_chance_see_the_load(desk: RepDesk, connection: AsyncConnection[DictRow]) -> None:
    await seat(
        connection, [Seat("a", room=20, daily=1), Seat("b", room=20, daily=8, timezone="Asia/Tokyo", hours=OFFICE)]
    )
    (lead,) = await leads(connection, 1)
    assert await desk.next_chance(DACH, NOON) == NOON
    await desk.assign(lead, 0, Demand(territory="dach", choice=Choice("a", "triage")), NOON)
    assert [each.label for each in await desk.suggestions(DACH, NOON, "triage")] == [
        "B · 0 of 20 open, 0 of 8 today · speaks de,en · back Thu 19 Nov 09:00 (Asia/Tokyo)",
        "A · 1 of 20 open, 1 of 1 today · speaks de,en · at work now · has reached the daily capacity",
    ]
    assert await desk.next_chance(DACH, NOON) == datetime(2026, 11, 19, 0, 0, tzinfo=UTC)


async def test_team_calendar_is_the_territorys_or_the_organisations(
    desk: RepDesk, connection: AsyncConnection[DictRow]
) -> None:
    await connection.execute(
        "INSERT INTO routing.territories VALUES ('dach', 'DACH', 'Europe/Berlin', 'DE', 'Max', 'max@example.com')"
    )
    evening = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)
    assert (await desk.team_calendar("dach")).next_start(evening) == datetime(2026, 11, 19, 8, 0, tzinfo=UTC)
    for unknown in (None, "atlantis"):
        assert (await desk.team_calendar(unknown)).next_start(evening) == evening
