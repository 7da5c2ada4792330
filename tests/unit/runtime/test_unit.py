"""One job's unit of work, on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.unit.runtime.demo.cases import ROOT, Cases
from tests.unit.runtime.demo.flow.tasks.book import NoRoom
from tests.unit.runtime.demo.waiting import until
from workers.runtime import discovery, effects, task
from workers.runtime.answers import database_away
from workers.runtime.database import open_pool
from workers.runtime.errors import CaseClosed, ContractError, TransientError, UndoneBefore
from workers.runtime.resources import Resources
from workers.runtime.zeebe import messages
from workers.runtime.zeebe_types import TooBig


async def until_runs(cases: Cases, number: int) -> None:
    await until(lambda: cases.resources.cache.get("runs", 0) >= number, f"{number} runs")


async def test_redelivery_returns_the_stored_result_without_running(cases: Cases) -> None:
    first = await cases.run("book", amount=5)
    again = await cases.run("book", amount=9)
    assert (first.result, first.repeated) == ({"booked": 5}, False)
    assert (again.result, again.repeated) == ({"booked": 5}, True)
    assert cases.resources.cache["runs"] == 1
    assert await cases.booked() == 5
    assert await cases.rows("SELECT external_id FROM runtime.outbox") == [("c1/book/0/1",)]
    assert await cases.rows("SELECT action, actor FROM runtime.timeline") == [("booked", "flow.book")]
    assert await cases.rows("SELECT task, recorded FROM runtime.effects") == [("flow.book", {"amount": 5})]


async def test_another_loop_is_another_effect(cases: Cases) -> None:
    assert not (await cases.run("book", turn=0)).repeated
    assert not (await cases.run("book", turn=1)).repeated
    assert await cases.booked() == 2


async def test_two_twins_at_once_run_once(cases: Cases) -> None:
    cases.resources.cache["gate"] = gate = asyncio.Event()
    twins = [asyncio.create_task(cases.run("book")) for _ in range(8)]
    await until_runs(cases, 1)
    gate.set()
    done = await asyncio.gather(*twins)
    assert sorted(one.repeated for one in done) == [False] + [True] * 7
    assert {one.result["booked"] for one in done} == {1}
    assert cases.resources.cache["runs"] == 1
    assert await cases.booked() == 1


async def test_a_twin_takes_over_when_the_first_fails(cases: Cases) -> None:
    cases.resources.cache["modes"] = ["transient", "ok"]
    done = await asyncio.gather(cases.run("book"), cases.run("book"), return_exceptions=True)
    assert {type(one) for one in done} >= {TransientError}
    assert await cases.booked() == 1


@pytest.mark.parametrize(("mode", "raised"), [("no_room", NoRoom), ("transient", TransientError), ("defect", KeyError)])
async def test_failure_leaves_nothing(cases: Cases, mode: str, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await cases.run("book", mode=mode)
    for table in ("runtime.effects", "runtime.outbox", "runtime.timeline", "public.bookings"):
        assert await cases.rows(f"SELECT * FROM {table}") == []


async def test_compensation_undoes_what_was_recorded_and_only_once(cases: Cases) -> None:
    await cases.run("book", amount=5)
    assert (await cases.run("unbook")).result == {"unbooked": True}
    assert await cases.booked() == 0
    assert (await cases.run("unbook")).repeated
    assert await cases.booked() == 0
    assert await cases.rows("SELECT undone_by FROM runtime.effects WHERE undone_at IS NOT NULL") == [("unbook",)]


async def test_what_was_undone_is_no_answer_for_another_element_instance(cases: Cases) -> None:
    await cases.run("book", key=5)
    await cases.run("unbook")
    assert (await cases.run("book", key=5)).repeated  # a redelivery, which the engine does not wait for any more
    with pytest.raises(UndoneBefore, match=r"Give the variable turn another value, .* retry this incident"):
        await cases.run("book", key=6)
    assert not (await cases.run("book", key=6, turn=1)).repeated


async def test_a_worker_that_hangs_does_not_keep_its_case(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = discovery.find("flow.book", ROOT)
    monkeypatch.setitem(task.REGISTRY, spec.job_type, replace(spec, timeout_seconds=0.5))
    monkeypatch.setattr(effects, "GRACE_SECONDS", 0.5)
    cases.resources.cache["gate"] = gate = asyncio.Event()
    hanging = asyncio.create_task(cases.run("book"))
    await until_runs(cases, 1)
    twin = asyncio.create_task(cases.run("book"))
    await until_runs(cases, 2)  # though the first one neither failed nor ended
    assert not hanging.done()
    gate.set()
    assert not (await twin).repeated
    with pytest.raises(psycopg.Error) as caught:
        await hanging
    assert database_away(caught.value)
    assert await cases.booked() == 1


async def test_a_database_that_only_reads_is_as_good_as_away(cases: Cases, dsn: str) -> None:
    """As in the middle of a failover."""
    pool = await open_pool(make_conninfo(dsn, options="-c default_transaction_read_only=on"))
    with pytest.raises(psycopg.Error) as caught:
        await Cases(Resources(cases.resources.settings, pool)).run("book")
    await pool.close()
    assert database_away(caught.value)


async def test_a_result_that_is_too_big_is_not_stored(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as small:
        small.setattr(messages, "MAX_MESSAGE_BYTES", 5)
        with pytest.raises(TooBig):
            await cases.run("book")
    assert await cases.rows("SELECT FROM runtime.effects") == []
    assert not (await cases.run("book")).repeated


async def test_compensation_of_what_never_happened_does_nothing(cases: Cases) -> None:
    assert (await cases.run("unbook")).result == {"unbooked": False}
    assert await cases.booked() == 0


async def test_closed_case_takes_no_new_effect_but_answers_old_ones(cases: Cases) -> None:
    await cases.run("book", turn=0, key=5)
    await cases.run("settle")
    assert (await cases.run("book", turn=0, key=5)).repeated
    with pytest.raises(CaseClosed):
        await cases.run("book", turn=1)
    with pytest.raises(CaseClosed):
        await cases.run("touch")
    assert (await cases.run("unbook")).result == {"unbooked": True}  # by settle: answered from its stored result
    assert await cases.booked() == 0


async def test_settling_waits_for_an_effect_under_way_and_undoes_it(cases: Cases) -> None:
    await cases.run("book", turn=0, amount=3)
    cases.resources.cache["gate"] = gate = asyncio.Event()
    under_way = asyncio.create_task(cases.run("book", turn=1, amount=4))
    await until_runs(cases, 2)
    settling = asyncio.create_task(cases.run("settle"))
    locked = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    await until(lambda: cases.rows(locked), "the closing of the case to wait for the effect under way")
    gate.set()
    assert not (await under_way).repeated
    assert (await settling).result == {"settled": ["book", "book"]}
    assert await cases.booked() == 0
    assert await cases.rows("SELECT count(*) FROM runtime.timeline WHERE action = 'unbooked'") == [(2,)]
    assert await cases.rows("SELECT count(*) FROM runtime.effects WHERE task = 'flow.unbook'") == [(2,)]


async def test_two_deliveries_that_close_a_case_do_not_wait_for_each_other(cases: Cases) -> None:
    # Several pairs, as the second has to come in the short time in which the first has not closed the case yet.
    pairs = [(f"c{number}", key) for number in range(8) for key in (2 * number, 2 * number + 1)]
    done = await asyncio.gather(*(cases.run("settle", case_id, key=key) for case_id, key in pairs))
    assert sum(one.repeated for one in done) == 8


async def test_who_does_not_say_so_may_not_close_a_case(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = discovery.find("flow.settle", ROOT)
    monkeypatch.setitem(task.REGISTRY, spec.job_type, replace(spec, closes=False))
    with pytest.raises(RuntimeError, match="closes=True"):
        await cases.run("settle")


async def test_idempotent_runs_again_and_says_it_once(cases: Cases) -> None:
    assert (await cases.run("touch", key=5)).result == {"touched": 1}
    assert (await cases.run("touch", key=5)).result == {"touched": 2}
    assert len(await cases.rows("SELECT * FROM runtime.timeline")) == 1
    assert await cases.rows("SELECT * FROM runtime.effects") == []


async def test_reading_task_has_no_transaction(cases: Cases) -> None:
    assert (await cases.run("look")).result == {"seen": "c1"}
    with pytest.raises(RuntimeError, match='declares effect="none"'):
        await cases.run("look", write=True)


async def test_bad_variables_are_named_and_not_shown(cases: Cases) -> None:
    with pytest.raises(ContractError) as caught:
        await cases.run("book", amount="ana@example.com")
    assert "amount" in str(caught.value)
    assert "ana@" not in str(caught.value)
