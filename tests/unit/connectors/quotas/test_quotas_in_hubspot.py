"""Quotas in HubSpot: amounts of the targets of a goal that people made, all of a version or nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from tests.simulators.hubspot.serving import Simulated, served
from tests.unit.connectors.conftest import settings_of
from tests.unit.connectors.quotas.field import quota
from workers.connectors import making
from workers.connectors.hubspot.quotas import HubSpotQuotas
from workers.connectors.publishing.publisher import Publisher
from workers.connectors.targets import quotas
from workers.office import systems
from workers.office.outside_targets import Wanted
from workers.office.publication import Word
from workers.runtime.database import Pool
from workers.runtime.errors import TransientError
from workers.runtime.resources import Resources
from workers.settings import Settings

GOAL = "Sales Quota 2027"


class Goals:
    """An account in which Ana and Mona are owners."""

    def __init__(self, simulated: Simulated, publisher: Publisher) -> None:
        self.simulated = simulated
        self.publisher = publisher
        self.owners = {who: simulated.account.owner(f"{who}@example.com", who.title()) for who in ("ana", "mona")}

    def set(self, who: str, month: int, amount: str, **more: str) -> str:
        """Somebody makes a target; its id."""
        values = {"hs_goal_name": GOAL, "hs_goal_type": "sales_quota", "hs_milestone": "monthly",
                  "hs_start_datetime": f"2027-{month:02}-01T00:00:00Z", "hubspot_owner_id": self.owners[who],
                  "hs_target_amount": amount, **more}  # fmt: skip
        made = self.simulated.account.create("goal_targets", values)
        self.simulated.account.writes.pop()
        return made.id

    def amounts(self, ids: list[str]) -> list[str]:
        records = self.simulated.account.records["goal_targets"]
        return [records[one].properties["hs_target_amount"] for one in ids]

    @property
    def writes(self) -> list[str]:
        return [record for kind, record, _ in self.simulated.account.writes if kind == "goal_targets"]

    async def put(self, change: str, wanted: Wanted) -> Word:
        return await self.publisher.put(change, "field", f"v-{change}", wanted)


@pytest.fixture
async def goals(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Goals]:
    monkeypatch.setattr(HubSpotQuotas, "batch", 2)
    with served() as simulated:
        simulated.door.ten_secondly = simulated.door.searches_per_second = (
            100_000  # how it is kept to is tested elsewhere
        )
        given = {"crms": {"quotas": "hubspot"}, "hubspot": settings_of(simulated)}
        resources = Resources(Settings.model_validate(given), pool)
        publisher = quotas(resources)
        assert isinstance(publisher, Publisher)
        yield Goals(simulated, publisher)
        await making.close(resources)
        await systems.close(resources)


async def test_amounts_are_written_once_and_given_back_though_answers_are_lost(goals: Goals) -> None:
    chance = random.Random(5)
    given = [goals.set(who, month, "7") for who in ("ana", "mona") for month in range(1, 7)]
    others = [goals.set("ana", 1, "1", hs_goal_name="Calls made"), goals.set("ana", 1, "1", hs_milestone="quarterly")]
    goals.simulated.account.index_seconds = 60.0  # a search does not see what is written below
    wanted = {who: quota(who, *range(100, 700, 100), role=role) for who, role in (("ana", "rep"), ("mona", "manager"))}
    faults = ("502", "half", "500", "lost", "lost", "list")
    goals.simulated.door.faults = [chance.choice(faults) if chance.random() < 0.2 else None for _ in range(500)]

    async def patiently(act: Callable[[], Awaitable[Word]]) -> Word:
        for _ in range(100):
            try:
                return await act()
            except TransientError:
                goals.publisher._system.breaker._open(0.0)  # no rest
        raise AssertionError("it never arrived")

    assert (await patiently(partial(goals.put, "a", wanted))).state == "delivered"
    assert goals.amounts(given) == ["1.00", "2.00", "3.00", "4.00", "5.00", "6.00"] * 2
    more = {"ana": quota("ana", *range(200, 800, 100))}
    assert (await patiently(partial(goals.put, "b", more))).state == "delivered"
    assert goals.amounts(given)[:6] == ["2.00", "3.00", "4.00", "5.00", "6.00", "7.00"]
    for change in ("a", "b"):  # in any order
        word = await patiently(partial(goals.publisher.take_back, change, "field"))
        assert word.state == "restored"
    assert (goals.amounts(given), goals.amounts(others)) == (["7.00"] * 12, ["1", "1"])
    assert max(Counter(goals.writes).values()) <= 3  # two versions, and back


async def test_what_is_not_prepared_there_is_said(goals: Goals) -> None:
    goals.set("ana", 1, "5")
    wanted = {"ana": quota("ana", 100, 200)}
    word = await goals.put("a", wanted)
    assert word.state == "refused"
    assert f"its goal {GOAL} has no monthly target of ana@example.com 2027-02-01: make the goal there" in word.why
    goals.set("ana", 2, "5")
    goals.set("ana", 2, "6")
    assert f"two goals there are called {GOAL}" in (await goals.put("b", wanted)).why
    foreign = {"ana": quota("ana", 100, currency="USD")}
    assert (await goals.put("c", foreign)).why == "the quotas are in USD, and its goals are in EUR"
    assert goals.writes == []
