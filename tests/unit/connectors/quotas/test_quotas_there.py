"""Quotas in Salesforce: all of a version or nothing, each once, and given back to exactly what stood there."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.salesforce import forecasts
from tests.unit.connectors.publishing.killing import killed_at
from tests.unit.connectors.quotas.conftest import mapping
from tests.unit.connectors.quotas.field import Field, opened, quota
from workers.connectors.publishing.publisher import NotGivenBack
from workers.office.outside_targets import QuotaOf
from workers.runtime.database import Pool
from workers.runtime.errors import TransientError

JANUARY, FEBRUARY, MARCH = "2027-01-01", "2027-02-01", "2027-03-01"


async def test_quotas_are_made_changed_and_given_back_to_exactly_what_stood_there(field: Field) -> None:
    field.set("ana", JANUARY, 100)
    field.set("ana", FEBRUARY, 7_000.5)
    field.set("ben", MARCH, 9)  # of a month that is not published
    other = forecasts.new_type(field.simulated.org, "Services")
    field.set("ana", JANUARY, 55, ForecastingTypeId=other)
    before = field.amounts
    wanted = {"ana": quota("ana", 500_050, 700_050), "mona": quota("mona", 0, 1_000_000, role="manager"),
              "dora": quota("nobody", 1, 1, role="finance")}  # fmt: skip
    word = await field.put("a", wanted)
    assert (word.state, word.why, word.in_use, word.former) == ("delivered", "", "v-a", None)
    assert field.amounts == before | {
        ("ana", JANUARY): 5_000.5, ("mona", JANUARY): 0, ("mona", FEBRUARY): 10_000,
    }  # fmt: skip
    assert sorted(field.writes) == [("ana", JANUARY), ("mona", JANUARY), ("mona", FEBRUARY)]  # February said so already
    assert await field.put("a", {}) == word  # a repeat
    word = await field.take_back("a")
    assert (word.state, word.why, word.in_use) == ("restored", "", None)
    assert field.amounts == before
    assert len(field.writes) == 6
    assert (await field.put("a", {})).state == "restored"


async def test_quarters_of_a_fiscal_year_and_several_currencies(pool: Pool, tmp_path: Path) -> None:
    async with opened(pool, mapping=mapping(tmp_path, period="quarter")) as field:
        org = field.simulated.org
        org.records["Period"].clear()
        forecasts.switch_on(org, 2026, 2027, first_month=2, name="Another")
        forecasts.use_currencies(org, "USD", "EUR")
        field.set("ana", FEBRUARY, 3_000, CurrencyIsoCode="USD")
        word = await field.put("a", {"ana": quota("ana", *[100_000] * 12)})
        assert word.state == "refused"
        assert word.why.startswith("the quarter from 2026-11-01 to 2027-01-31 there is not made of whole months")
        wanted = {"ana": quota("ana", *[100_000] * 6, first=1)}
        assert (await field.put("b", wanted)).state == "delivered"
        records = org.records["ForecastingQuota"].values()
        said = [(one["StartDate"], one["QuotaAmount"], one["CurrencyIsoCode"]) for one in records]
        assert said == [(FEBRUARY, 3_000, "EUR"), ("2027-05-01", 3_000, "EUR")]
        await field.take_back("b")
        assert [(one["CurrencyIsoCode"], one["IsDeleted"]) for one in records] == [("USD", False), ("EUR", True)]
        word = await field.put("c", {"ana": quota("ana", *[1] * 3, currency="CHF", first=1)})
        assert word.state == "refused"
        assert "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST (CurrencyIsoCode)" in word.why


@pytest.mark.usefixtures("by_twos")
async def test_whoever_is_killed_at_any_moment_is_followed_by_one_who_writes_nothing_twice(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    field.set("ben", JANUARY, 5)
    before, kills = field.amounts, 0
    wanted = {"ana": quota("ana", 100, 200), "ben": quota("ben", 300)}
    for undo in (False, True):
        moment, killed = 0, True
        while killed:
            moment += 1
            change, start = f"{undo}/{moment}", len(field.writes)
            if undo:
                await field.put(change, wanted)
            act = field.take_back(change) if undo else field.put(change, wanted)
            killed = await killed_at(moment, field.publisher, monkeypatch, act)
            kills += killed
            if not undo:
                assert (await field.put(change, wanted)).state == "delivered"
                assert field.amounts == {("ana", JANUARY): 1, ("ana", FEBRUARY): 2, ("ben", JANUARY): 3}
            assert (await field.take_back(change)).state == "restored"
            assert field.amounts == before
            assert set(Counter(field.writes[start:]).values()) == {2}  # there and back
    assert kills > 25


@pytest.mark.usefixtures("by_twos")
async def test_equal_at_the_end_with_one_fault_in_ten_requests_and_sessions_that_end_in_between(field: Field) -> None:
    chance = random.Random(11)
    field.set("ana", MARCH, 33)
    before = field.amounts
    cents = {node: [chance.randrange(10_000) for _ in range(12)] for node in ("of-ana", "of-ben", "of-mona", "all")}
    await field.publish("v1", cents)
    faults = ("502", "half", "500", "lost", "lost", "text", "429_bare", "concurrent")
    door = field.simulated.door
    door.lasts = 3
    door.faults = [chance.choice(faults) if chance.random() < 0.1 else None for _ in range(1_000)]
    no_rest(field)
    tries = await field.send("v1")
    assert await field.said("v1") == ("delivered", "")
    wanted = {(who, day): amount for who in ("ana", "ben", "mona")
              for day, amount in zip(days(), (one / 100 for one in cents[f"of-{who}"]), strict=True)}  # fmt: skip
    assert field.amounts == wanted  # nobody leads the whole
    tries += await field.send("v1", undo=True)
    assert (await field.said("v1"), field.amounts) == (("restored", ""), before)
    assert tries > 6
    assert max(Counter(field.writes).values()) == 2


@pytest.mark.parametrize("what", ["changed", "made", "deleted"])
@pytest.mark.usefixtures("by_twos")
async def test_what_somebody_does_while_we_write_refuses_the_whole_and_stays(
    field: Field, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    old = field.set("mona", JANUARY, 70)
    before = field.amounts
    wanted = {"ana": quota("ana", 100, 200), "mona": quota("mona", 300, 400, role="manager")}
    write = field.publisher._records.write

    async def writing(values: Any) -> Any:
        # In the moment between our look at the last two and our write of them.
        if any("mona" in one or field.users["mona"] in one for one in values) and not done:
            done.append(what)
            if what == "changed":
                field.simulated.org.edit("ForecastingQuota", old, QuotaAmount=71)
            elif what == "deleted":
                field.simulated.org.delete("ForecastingQuota", old)
            else:
                field.set("mona", FEBRUARY, 72)
        return await write(values)

    async def earlier(values: Any) -> Any:
        found = await write(values)
        if not done:
            done.append(what)
            field.simulated.org.edit("ForecastingQuota", old, QuotaAmount=71)
        return found

    done: list[str] = []
    no_rest(field)
    with monkeypatch.context() as patch:
        patch.setattr(field.publisher._records, "write", earlier if what == "changed" else writing)
        for _ in range(9):
            try:
                word = await field.put("a", wanted)
            except TransientError:  # what it could not write is read again
                continue
            break
    theirs = {"changed": (JANUARY, 71), "made": (FEBRUARY, 72), "deleted": (JANUARY, None)}[what]
    assert (word.state, word.why.partition(" there meanwhile")[0]) == (
        *("refused", f"somebody changed mona@example.com {theirs[0]}"),
    )
    assert field.amounts == {
        key: one for key, one in (before | {("mona", theirs[0]): theirs[1]}).items() if one is not None
    }
    assert (await field.take_back("a")).state == "restored"


@pytest.mark.usefixtures("by_twos")
async def test_a_failure_inside_of_an_answer_gives_back_all_that_was_written(field: Field) -> None:
    org = field.simulated.org
    org.guarded.add(field.users["mona"])
    wanted = {"ana": quota("ana", 100, 200), "ben": quota("ben", 100), "mona": quota("mona", 300, role="manager")}
    word = await field.put("a", wanted)
    assert word.state == "refused"
    assert word.why.startswith(
        "mona@example.com 2027-01-01: Salesforce refuses to write a quota: FIELD_CUSTOM_VALIDATION_EXCEPTION"
    )
    assert field.amounts == {}
    org.guarded.clear()
    assert (await field.put("b", wanted)).state == "delivered"


async def test_rows_that_others_have_in_hand_are_tried_again(field: Field) -> None:
    field.simulated.org.locks[field.users["ana"]] = 2
    assert (await field.put("a", {"ana": quota("ana", 100, 200)})).state == "delivered"
    made = next(iter(field.simulated.org.records["ForecastingQuota"]))
    field.simulated.org.locks[made] = 100
    with pytest.raises(TransientError, match="in hand"):
        await field.take_back("a")
    field.simulated.org.locks.clear()
    await field.take_back("a")
    assert field.amounts == {}
    assert set(Counter(field.writes).values()) == {2}


async def test_what_somebody_changed_since_stays_and_what_can_not_go_back_is_a_person_s_question(field: Field) -> None:
    await field.put("a", {"ana": quota("ana", 100, 200, 300)})
    ids = {one["StartDate"]: one["Id"] for one in field.simulated.org.records["ForecastingQuota"].values()}
    field.simulated.org.edit("ForecastingQuota", ids[FEBRUARY], QuotaAmount=2.5)
    field.simulated.org.guarded.add(ids[MARCH])
    with pytest.raises(NotGivenBack, match=r"What ana@example\.com 2027-03-01 had before can't be put back"):
        await field.take_back("a")
    field.simulated.org.guarded.clear()
    word = await field.take_back("a")
    assert word.why == "ana@example.com 2027-02-01 stayed as it is, as somebody changed it since"
    assert field.amounts == {("ana", FEBRUARY): 2.5}


async def test_versions_may_be_taken_back_in_any_order(field: Field) -> None:
    field.set("ana", JANUARY, 7)
    await field.put("a", {"ana": quota("ana", 10_000, 20_050)})
    await field.put("b", {"ana": quota("ana", 30_000, 40_000)})
    word = await field.take_back("a")
    assert (word.why, word.in_use) == ("a newer version stays", "v-b")
    assert field.amounts == {("ana", JANUARY): 300, ("ana", FEBRUARY): 400}
    await field.take_back("b")
    assert field.amounts == {("ana", JANUARY): 7}


async def test_what_can_not_be_written_there_is_refused_in_words(field: Field) -> None:
    org, ana = field.simulated.org, quota("ana", 100)

    async def why(change: str, **wanted: Any) -> str:
        word = await field.put(change, {name.replace("_", "-"): one for name, one in wanted.items()})
        assert word.state == "refused"
        return word.why

    assert "it does not know of-cem, zoe@example.com: no active user of Salesforce has" in await why(
        "a", zoe=quota("zoe", 1), ana=ana, of_cem=QuotaOf(None, "rep", "EUR", ana.months)
    )
    assert "ana and anna have the same e-mail address" in await why("b", ana=ana, anna=ana)
    assert "in CHF, and its only currency is said to be EUR" in await why("c", ana=quota("ana", 1, currency="CHF"))
    assert "planned by an older version" in await why("d", ana=quota("ana"))
    field.set("ana", JANUARY, 1)
    field.set("ana", JANUARY, 2)
    assert "two quotas of the user" in await why("e", ana=ana)
    periods = dict(org.records["Period"])
    org.records["Period"].clear()
    assert "it has no months, or some twice, for all months from 2027-01-01 to" in await why("f", ana=ana)
    org.records["Period"].update(periods)
    for change, more in {"g": {"IsActive": False}, "h": {"IsAmount": False}, "i": {"RoleType": "T"}}.items():
        before = dict(org.records["ForecastingType"][field.type_id])
        org.edit("ForecastingType", field.type_id, **more)
        assert "its forecast type OpportunityRevenue " in await why(change, ana=ana)
        org.edit("ForecastingType", field.type_id, **{name: before[name] for name in more})
    org.edit("ForecastingType", field.type_id, DeveloperName="Renamed")
    assert "it has no forecast type OpportunityRevenue: correct" in await why("j", ana=ana)
    assert field.writes == []


def days() -> list[str]:
    return [f"2027-{month:02}-01" for month in range(1, 13)]


def no_rest(field: Field) -> None:
    """Pauses that are asked for are not kept."""
    field.publisher._system.client.pace.close = lambda _pause: None
