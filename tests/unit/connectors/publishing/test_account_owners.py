"""Owners of accounts in a CRM: all of a version or nothing, and given back to exactly who had them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.unit.connectors.publishing.killing import killed_at
from tests.unit.connectors.publishing.markets import Alignments, HubSpotMarket, Market, SalesforceMarket
from workers.connectors.publishing import publisher
from workers.connectors.publishing.publisher import NotGivenBack, Waits
from workers.connectors.salesforce.publishing import SalesforceRecords
from workers.lead_routing.ports.crm import CrmDown
from workers.runtime.database import alone
from workers.runtime.errors import RateLimited, TransientError


async def test_what_differs_is_written_and_given_back_to_exactly_who_had_it(market: Market) -> None:
    given = [market.company(owner) for owner in ("zoe", None, "ana", "ben")]
    before = market.owners(given)
    word = await market.put("a", dict(zip(given, ("ana", "ben", "ana", "cem"), strict=True)))
    assert (word.state, word.in_use, word.former) == ("delivered", "v-a", None)
    assert market.owners(given) == ["ana", "ben", "ana", "cem"]
    assert sorted(market.writes) == sorted([given[0], given[1], given[3]])  # Ana had hers
    assert await market.put("a", {}) == word  # a repeat
    word = await market.take_back("a")
    assert (word.state, word.why, word.in_use) == ("restored", "", None)
    assert market.owners(given) == before
    assert len(market.writes) == 6
    assert await market.take_back("a") == word
    assert (await market.put("a", {})).state == "restored"
    assert len(market.writes) == 6


@pytest.mark.usefixtures("by_twos")
async def test_whoever_is_killed_at_any_moment_is_followed_by_one_who_writes_nothing_twice(
    of_salesforce: SalesforceMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    market, undone, kills = of_salesforce, 0, 0
    for undo in (False, True):
        moment = 0
        killed = True
        while killed:
            moment += 1
            scope, change = f"{undo}{moment}", f"{undo}/{moment}"
            given = [market.company(owner) for owner in ("zoe", None, "ben")]
            before, wanted = market.owners(given), dict.fromkeys(given, "ana")
            start = len(market.writes)
            if undo:
                await market.put(change, wanted, scope)
            act = market.take_back(change, scope) if undo else market.put(change, wanted, scope)
            killed = await killed_at(moment, market.publisher, monkeypatch, act)
            kills += killed
            if not undo:
                assert (await market.put(change, wanted, scope)).state == "delivered"
                assert market.owners(given) == ["ana"] * 3
                assert sorted(market.writes[start:]) == sorted(given)
                start += len(given)
            else:
                start += len(given)
                undone += 1
            assert (await market.take_back(change, scope)).state == "restored"
            assert market.owners(given) == before
            assert sorted(market.writes[start:]) == sorted(given)
    assert kills > 20
    assert undone > 8


@pytest.mark.usefixtures("by_twos")
async def test_what_somebody_changed_since_stays(market: Market) -> None:
    given = [market.company("ben") for _ in range(4)]
    await market.put("a", dict.fromkeys(given, "ana"))
    market.give(given[1], "zoe")
    market.delete(given[2])
    word = await market.take_back("a")
    assert word.state == "restored"
    assert sorted(given[1:3]) == sorted(
        word.why.removesuffix(" stayed as it is, as somebody changed it since").split(", ")
    )
    assert (market.owner(given[0]), market.owner(given[1]), market.owner(given[3])) == ("ben", "zoe", "ben")


@pytest.mark.usefixtures("by_twos")
async def test_what_somebody_changes_while_we_write_refuses_the_whole(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sorted((market.company("ben") for _ in range(4)), key=int) if isinstance(market, HubSpotMarket) else [
        market.company("ben") for _ in range(4)
    ]  # fmt: skip
    write = market.publisher._records.write

    async def writing(values: Any) -> Any:
        found = await write(values)
        market.give(given[3], "zoe")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(market.publisher._records, "write", writing)
        word = await market.put("a", dict.fromkeys(given, "ana"))
    assert (word.state, word.why) == ("refused", f"somebody changed {given[3]} there meanwhile")
    assert market.owners(given) == ["ben", "ben", "ben", "zoe"]
    assert (await market.take_back("a")).state == "restored"
    assert (await market.put("b", dict.fromkeys(given, "ana"))).state == "delivered"


async def test_accounts_and_reps_that_are_not_known_there_refuse_the_whole_in_words(market: Market) -> None:
    known, gone = market.company("ben"), market.company("ben")
    market.delete(gone)
    word = await market.put("a", {known: "ana", gone: "ana", "A1_1": "ana"})
    assert (word.state, word.why) == ("refused", f"it does not know {', '.join(sorted([gone, 'A1_1']))}")
    word = await market.put("b", {known: "dan", gone: "ana"})
    assert word.state == "refused"
    assert word.why.startswith("it does not know dan: nobody who can own records in ")
    assert market.writes == []


async def test_what_is_taken_back_before_it_came_never_comes(market: Market) -> None:
    given = market.company("ben")
    assert (await market.take_back("a")).why == "it was taken back before it came"
    assert (await market.put("a", {given: "ana"})).state == "restored"
    assert market.writes == []


async def test_versions_may_be_taken_back_in_any_order(market: Market) -> None:
    given = market.company("zoe")
    for change, rep in (("a", "ana"), ("b", "ben")):
        await market.put(change, {given: rep})
    word = await market.take_back("a")
    assert (word.why, word.in_use, market.owner(given)) == ("a newer version stays", "v-b", "ben")
    await market.take_back("b")
    assert market.owner(given) == "zoe"


async def test_one_at_a_time_and_each_to_its_end(market: Market) -> None:
    given = [market.company("zoe"), market.company("zoe")]
    async with alone(market.resources.pool, f"fairlead publishing {market.publisher._place} north"):
        with pytest.raises(RateLimited):
            await market.put("a", {given[0]: "ana"})
    market.fail("502")
    with pytest.raises(CrmDown):
        await market.put("a", {given[0]: "ana"})
    word = await market.put("b", {given[1]: "ben"})
    assert word.state == "refused"
    assert "the change a before it is not done with" in word.why
    with pytest.raises(Waits):
        await market.take_back("b")
    assert (await market.put("a", {given[0]: "ana"})).state == "delivered"
    assert (await market.take_back("b")).state == "restored"
    assert market.owners(given) == ["ana", "zoe"]


@pytest.mark.usefixtures("by_twos")
async def test_more_than_fits_into_a_delivery_goes_on_in_the_next(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [market.company("zoe") for _ in range(6)]
    clock = iter(range(0, 10_000, 6))
    monkeypatch.setattr(publisher, "monotonic", lambda: float(next(clock)))
    turns = 0
    while True:
        turns += 1
        try:
            word = await market.put("a", dict.fromkeys(given, "ana"))
        except RateLimited:
            continue
        break
    assert (word.state, turns > 1, len(market.writes)) == ("delivered", True, 6)


@pytest.mark.usefixtures("by_twos")
async def test_equal_at_the_end_with_one_fault_in_ten_requests(market: Market, alignments: Alignments) -> None:
    chance = random.Random(7)
    faults = ["502", "half", "500", "lost", "lost", "text" if isinstance(market, SalesforceMarket) else "list"]
    given = [market.company(chance.choice([*market.people, None])) for _ in range(40)]
    before, wanted = market.owners(given), {one: chance.choice(("ana", "ben", "cem")) for one in given}
    await alignments.version("v1", wanted)
    market.fail(*(chance.choice(faults) if chance.random() < 0.1 else None for _ in range(1_000)))
    tries = await alignments.send("v1")
    assert market.owners(given) == list(wanted.values())
    assert await alignments.said("v1") == ("delivered", "")
    tries += await alignments.send("v1", undo=True)
    assert market.owners(given) == before
    assert (await alignments.said("v1"))[0] == "restored"
    assert tries > 6
    assert max(market.writes.count(one) for one in given) == 2  # there and back, although answers were lost


@pytest.mark.usefixtures("by_twos")
async def test_a_failure_inside_of_an_answer_gives_back_all_that_was_written(of_salesforce: SalesforceMarket) -> None:
    market, org = of_salesforce, of_salesforce.simulated.org
    given = [market.company("ben") for _ in range(5)]
    org.guarded.add(given[3])
    word = await market.put("a", dict.fromkeys(given, "ana"))
    assert word.state == "refused"
    assert word.why.startswith(f"{given[3]}: Salesforce refuses to write Account: FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert "audited" not in word.why  # its own words may repeat values
    assert market.owners(given) == ["ben"] * 5
    assert market.writes.count(given[4]) == 0


async def test_an_account_that_is_named_twice_refuses_the_whole(of_salesforce: SalesforceMarket) -> None:
    given = of_salesforce.company("ben")
    word = await of_salesforce.put("a", {given: "ana", given[:15]: "cem"})
    assert (word.state, word.why) == ("refused", f"{given[:15]}, {given} are the same record there")
    assert of_salesforce.writes == []


async def test_an_owner_who_can_own_nothing_any_more_is_a_person_s_question(of_salesforce: SalesforceMarket) -> None:
    market, org = of_salesforce, of_salesforce.simulated.org
    given = [market.company(owner) for owner in ("zoe", "ben")]
    await market.put("a", dict.fromkeys(given, "ana"))
    org.edit("User", market.people["zoe"], IsActive=False)
    with pytest.raises(NotGivenBack, match=f"What {given[0]} had before can't be put back"):
        await market.take_back("a")
    assert market.owners(given) == ["ana", "ben"]
    org.edit("User", market.people["zoe"], IsActive=True)
    assert (await market.take_back("a")).state == "restored"
    assert market.owners(given) == ["zoe", "ben"]


async def test_rows_that_others_have_in_hand_are_tried_again_and_those_of_one_parent_go_together(
    of_salesforce: SalesforceMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SalesforceRecords, "batch", 4)
    market, org = of_salesforce, of_salesforce.simulated.org
    parents = [market.company("ben"), market.company("ben")]
    given = [market.company("ben", ParentId=parents[number % 2]) for number in range(8)]
    org.locks[given[2]] = 2
    assert (await market.put("a", dict.fromkeys(given, "ana"))).state == "delivered"
    assert market.writes.count(given[2]) == 1
    written = [org.records["Account"][one]["ParentId"] for one in market.writes if one != given[2]]
    assert written == sorted(written)
    org.locks[given[2]] = 100
    with pytest.raises(TransientError, match="in hand"):
        await market.take_back("a")
    org.locks.clear()
    await market.take_back("a")
    assert market.owners(given) == ["ben"] * 8
