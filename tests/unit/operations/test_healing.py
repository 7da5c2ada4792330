"""Self-healing on a real engine and database: what is tried, how often and how fast, by whom, and when it is switched off."""

from __future__ import annotations

import asyncio
import inspect
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.operations.conftest import Trouble, bury, eventually, rows
from workers.healing import cases, classes, observing, showing, switch
from workers.healing.hands import Hands
from workers.healing.healer import Healer
from workers.healing.model import Case, Ruling
from workers.healing.watching import Watch
from workers.operations import audit
from workers.operations.audit import Actor
from workers.operations.dependencies import Probe, greets
from workers.operations.model import Dependency, Incident
from workers.operations.telling import Telling
from workers.runtime import answers
from workers.runtime.database import Pool
from workers.runtime.errors import PoisonJob
from workers.runtime.zeebe_types import Decision, EngineBusy, Refused
from workers.settings import Healing, Settings

TRANSIENT = "Gave up after the last try: The CRM is away. When the cause is mended, retry this incident."
PERMANENT = "There is no registered lead. Send it to the gateway again, or cancel this case."
AWAY = "Gave up after 20 tries. CrmDown: The CRM does not answer."
PLACE = (
    "FROM pg_locks l WHERE locktype = 'advisory' AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)
ANA = Actor("ana", "Maintenance.")

Healers = Callable[..., Healer]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


class Table:
    """Answers like the table, for limits and pauses that a test can wait for; the real one is in tests/bindings."""

    def __init__(self, *, fails_on: str = "", **fields: object) -> None:
        self._fails_on = fails_on
        usual = {
            "rule": "back",
            "action": "retry",
            "pause": 0,
            "per_case": 5,
            "per_hour": 100,
            "why": "It may be gone.",
        }
        self.answer: dict[str, object] = usual | fields
        self.asked: list[Mapping[str, Any]] = []

    async def evaluate_decision(self, decision_id: str, variables: dict[str, Any]) -> Decision:
        self.asked.append(variables["trouble"])
        if variables["trouble"]["error_class"] == self._fails_on:
            raise Refused("no such function.")
        fits = variables["trouble"]["error_class"] == "transient"
        return Decision(self.answer if fits else None, 1, {})


class Busy:
    """An engine that takes nothing now."""

    async def resolve_incident(self, incident_key: int, *, job_key: int | None = None, retries: int = 1) -> None:
        raise EngineBusy("RESOURCE_EXHAUSTED")


@pytest.fixture
def healing(dsn: str, pool: Pool, trouble: Trouble) -> Healers:
    def make(
        table: Table | None = None, *, crm: bool = True, enabled: bool = True, dry_run: bool = False, busy: bool = False
    ) -> Healer:
        probes: dict[Dependency, Probe] = {"engine": yes, "crm": yes if crm else no, "mail": yes}
        settings = Settings.model_validate({"database_url": dsn, "healing": Healing(enabled=enabled)})
        watch = Watch(pool, trouble.board, Telling(pool, trouble.board, settings).tell)
        engine: Any = Busy() if busy else trouble.client
        hands = Hands(pool, trouble.board, engine)
        return Healer(settings, pool, table or Table(), watch, hands, probes, dry_run=dry_run, settled=timedelta())

    return make


async def states(pool: Pool) -> list[tuple[Any, ...]]:
    return await rows(pool, "SELECT business_id, state, attempts FROM healing.cases ORDER BY business_id")


async def due_again(pool: Pool) -> None:
    """As if what was given up or put off were to be judged again."""
    await rows(pool, "UPDATE healing.cases SET next_at = clock_timestamp() RETURNING 1")


async def test_only_what_a_rule_names_is_tried(pool: Pool, trouble: Trouble, healing: Healers) -> None:
    await trouble.make(TRANSIENT, PERMANENT)
    reports = {report.rule: report for report in await healing().once()}
    assert [(one.business_id, one.outcome) for one in reports["back"].done] == [("c0", "done")]
    assert reports["no-rule"].given_up == 1
    (left,) = await trouble.incidents(1)
    assert left.message == PERMANENT
    (entry,) = await audit.entries(pool, actor=audit.POLICY)
    assert (entry.actor, entry.action, entry.business_id) == ("policy:back", "incident.retry", "c0")
    assert entry.why == "Try 1 of 5: It may be gone."


async def test_what_is_seen_no_more_is_healed_and_what_comes_back_goes_on_counting(
    pool: Pool, trouble: Trouble, healing: Healers
) -> None:
    await trouble.make(TRANSIENT)
    healer = healing(Table(per_case=2))
    await healer.once()
    await healer.once()
    (shown,) = (await showing.overview(await _connection(pool))).healed
    assert (shown.state, shown.rule, shown.attempts) == ("healed", "back", 1)
    assert (await rows(pool, "SELECT count(*) FROM healing.cases WHERE ended_at IS NULL")) == [(0,)]
    (job,) = await trouble.jobs(1)
    await trouble.fail(job, TRANSIENT)
    await trouble.incidents(1)
    (report,) = await healer.once()
    assert [one.ok for one in report.done] == [True]
    (job,) = await trouble.jobs(1)
    await trouble.fail(job, TRANSIENT)
    await trouble.incidents(1)
    (report,) = await healer.once()
    assert (list(report.done), report.given_up) == ([], 1)
    (given_up,) = await showing.open_cases(pool)
    assert given_up.why == "Tried 2 times in vain. It may be gone."


async def _connection(pool: Pool) -> Any:
    return await pool.getconn()


async def test_nothing_is_tried_while_the_dependency_is_away(pool: Pool, trouble: Trouble, healing: Healers) -> None:
    await trouble.make(TRANSIENT)
    table = Table(waits_for="crm")
    (report,) = await healing(table, crm=False).once()
    assert (list(report.done), report.away, report.waiting) == ([], "crm", 1)
    assert await audit.entries(pool) == []
    (report,) = await healing(table).once()
    assert [one.ok for one in report.done] == [True]


async def test_the_rate_is_bounded_over_processes(pool: Pool, trouble: Trouble, healing: Healers) -> None:
    await trouble.make(*[TRANSIENT] * 5)
    (first,) = await healing(Table(per_hour=3)).once()
    await due_again(pool)
    (second,) = await healing(Table(per_hour=3)).once()
    assert (len(first.done), first.limited) == (3, 2)
    assert (len(second.done), second.limited) == (0, 2)


async def test_it_waits_before_the_first_try_and_longer_before_the_next(trouble: Trouble, healing: Healers) -> None:
    await trouble.make(TRANSIENT)
    table = Table(pause=3600)
    (report,) = await healing(table).once()
    assert (len(report.done), report.waiting) == (0, 1)
    assert await healing(table).once() == []  # not even judged before its time
    assert len(table.asked) == 1


async def test_those_alike_are_asked_for_once(trouble: Trouble, healing: Healers) -> None:
    await trouble.make(*[TRANSIENT] * 4)
    table = Table()
    await healing(table).once()
    assert len(table.asked) == 1


@pytest.mark.parametrize("how", ["switched off", "by setting", "dry run"])
async def test_switched_off_it_only_says_what_it_would_do(
    pool: Pool, trouble: Trouble, healing: Healers, how: str
) -> None:
    await trouble.make(TRANSIENT)
    if how == "switched off":
        assert (await switch.turn(pool, ANA, on=False)).ok
    (report,) = await healing(enabled=how != "by setting", dry_run=how == "dry run").once()
    assert (list(report.done), report.would) == ([], 1)
    await trouble.incidents(1)
    (shown,) = await showing.open_cases(pool)
    assert shown.why == "Would be done now: It may be gone."
    assert shown.attempts == 0
    assert await audit.entries(pool, actor=audit.POLICY) == []
    if how == "switched off":
        assert not (await switch.turn(pool, ANA, on=False)).ok
        assert (await switch.turn(pool, ANA, on=True)).ok
        (report,) = await healing().once()
        assert [one.ok for one in report.done] == [True]
        entries = await showing.history(pool, case=None, since=None, limit=10)
        assert [(one.actor, one.action) for one in entries] == [
            ("policy:back", "incident.retry"), ("ana", "healing.on"), ("ana", "healing.off"), ("ana", "healing.off"),
        ]  # fmt: skip


async def test_two_that_see_the_same_do_not_both_act(pool: Pool, trouble: Trouble, healing: Healers) -> None:
    """One was thought dead and goes on: what it claims was claimed."""
    await trouble.make(*[TRANSIENT] * 3)
    both = await asyncio.gather(healing().once(), healing().once())
    done = [one.outcome for reports in both for report in reports for one in report.done]
    assert done.count("done") == 3
    # Who looked much later may find it still there, and due again.
    first = [one for one in await audit.entries(pool, action="incident.retry") if one.why.startswith("Try 1 of ")]
    assert len(first) == 3


async def test_off_holds_for_what_is_under_way(pool: Pool, trouble: Trouble) -> None:
    (incident,) = await trouble.make(TRANSIENT)
    signs = await observing.signs(pool)
    (found,) = await observing.of_incidents(pool, [incident], signs)
    await cases.seen(pool, [found])
    await switch.turn(pool, ANA, on=False)
    assert not await cases.claim(pool, found, 0, Ruling.model_validate(Table().answer))


async def test_what_could_not_be_tried_is_no_try(pool: Pool, trouble: Trouble, healing: Healers) -> None:
    await trouble.make(TRANSIENT)
    (report,) = await healing(busy=True).once()
    assert report.done[0].outcome.startswith("failed")
    assert await states(pool) == [("", "waiting", 0)]


@pytest.mark.parametrize(
    ("wrong", "said"), [({"action": "explode"}, "action"), ({"pause": -1}, "pause"), ({"per_case": None}, "per_case")]
)
async def test_an_unusable_rule_does_nothing_and_says_where(
    pool: Pool, trouble: Trouble, healing: Healers, wrong: dict[str, Any], said: str
) -> None:
    await trouble.make(TRANSIENT)
    assert await healing(Table(**wrong)).once() == []
    (shown,) = await showing.open_cases(pool)
    assert shown.state == "given_up"
    assert shown.why.startswith(f"The rule back of healing_rule can't be carried out: {said}: ")


async def test_a_table_that_fails_stops_nothing_else(pool: Pool, trouble: Trouble, healing: Healers) -> None:
    await trouble.make(TRANSIENT, PERMANENT)
    (report,) = await healing(Table(fails_on="permanent")).once()
    assert [one.ok for one in report.done] == [True]
    (shown,) = [one for one in await showing.open_cases(pool) if one.state == "given_up"]
    assert shown.why == "The table healing_rule can't be asked: no such function. Correct it, deploy it."


async def test_an_action_that_does_not_fit_is_refused(pool: Pool, trouble: Trouble, healing: Healers) -> None:
    await trouble.make(TRANSIENT)
    (report,) = await healing(Table(action="reroute")).once()
    assert report.done[0].outcome == "refused: reroute does not fit incident; correct the table healing_rule"


async def test_dead_letters_go_back_into_the_outbox(pool: Pool, healing: Healers) -> None:
    await bury(pool, "lead-1", 1, AWAY)
    await bury(pool, "lead-2", 1, "This change for the CRM names no lead; drop it, or correct its payload.")
    reports = {report.rule: report for report in await healing(Table(action="send_again")).once()}
    assert [one.outcome for one in reports["back"].done] == ["done"]
    assert await rows(pool, "SELECT business_id FROM runtime.outbox WHERE channel = 'crm.lead'") == [("lead-1",)]


async def test_of_two_processes_one_heals_and_the_other_takes_over(healing: Healers) -> None:
    one, other = healing(), healing()
    stop_one, stop_other = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(one.run(stop_one, 0.05))

    async def works() -> bool:
        return one.working

    await eventually(works, "the first to work")
    second = asyncio.create_task(other.run(stop_other, 0.05))
    await asyncio.sleep(0)
    assert not other.working
    stop_one.set()
    await first

    async def took_over() -> bool:
        return other.working

    await eventually(took_over, "the second to take over")
    stop_other.set()
    await second


ELSEWHERE = """
import asyncio, sys
from datetime import timedelta
from workers.healing.healer import Healer
from workers.runtime.database import open_pool
from workers.settings import Settings

class Nothing:
    async def look(self): return [], set()

async def main(dsn, lost_seconds):
    pool = await open_pool(dsn)
    settings = Settings.model_validate({"database_url": dsn})
    await Healer(settings, pool, None, Nothing(), None, {}, lost_seconds=lost_seconds).run(asyncio.Event(), 4.0)

asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


class Quiet:
    """Looks, and sees nothing."""

    async def look(self) -> tuple[list[Any], set[Any]]:
        return [], set()


async def test_one_that_hangs_or_whose_machine_is_gone_loses_its_place(dsn: str, pool: Pool) -> None:
    lost_seconds = 1.5
    quiet: Any = Quiet()
    settings = Settings.model_validate({"database_url": dsn})
    other, stop = Healer(settings, pool, quiet, quiet, quiet, {}), asyncio.Event()
    elsewhere = await asyncio.create_subprocess_exec(sys.executable, "-c", ELSEWHERE, dsn, str(lost_seconds))
    try:

        async def kept() -> bool:
            age = "(SELECT clock_timestamp() - backend_start FROM pg_stat_activity a WHERE a.pid = l.pid)"
            return await rows(pool, f"SELECT {age} > make_interval(secs => {2 * lost_seconds}) {PLACE}") == [(True,)]

        await eventually(kept, "it to keep its place for as long as it lives")
        taking_over = asyncio.create_task(other.run(stop, 0.05))
        elsewhere.send_signal(signal.SIGSTOP)

        async def took_over() -> bool:
            return other.working

        await eventually(took_over, "its place to be taken")
        stop.set()
        await taking_over
    finally:
        elsewhere.kill()
        await elsewhere.wait()


async def test_it_comes_back_when_its_connection_is_cut(pool: Pool, healing: Healers) -> None:
    healer, stop = healing(), asyncio.Event()
    running = asyncio.create_task(healer.run(stop, 0.05))

    async def works() -> bool:
        return healer.working

    async def cut() -> bool:
        return not healer.working

    await eventually(works, "it to work")
    await rows(pool, f"SELECT pg_terminate_backend(pid) {PLACE}")
    await eventually(cut, "it to notice")
    await eventually(works, "it to work again")
    stop.set()
    await running


def test_the_runtimes_messages_are_known() -> None:
    source = inspect.getsource(answers)
    for beginning in ("Gave up after the last try: ", "Defect in "):
        assert beginning in source
    job = classes.JOB
    assert classes.of_incident(job, TRANSIENT) == "transient"
    assert classes.of_incident(job, "Defect in call: KeyError. Deploy a corrected worker.") == "defect"
    assert classes.of_incident(job, str(PoisonJob("lead_routing.score_lead", 5))) == "poison"
    assert classes.of_incident(job, PERMANENT) == "permanent"
    assert classes.of_incident("IO_MAPPING_ERROR", TRANSIENT) == "engine"
    assert classes.about(TRANSIENT) == "crm"
    assert classes.about("Gave up after 3 tries. HubSpot did not answer (TimeoutError).") == "crm"
    assert classes.about("The mail server refused it.") == "mail"
    assert classes.about("lead_routing.score_lead took longer than its 20 s.") == ""


async def test_signs_that_a_cause_is_gone(pool: Pool) -> None:
    now = datetime.now(UTC)
    before = now - timedelta(minutes=1)
    incident = Incident(1, "lead_routing", "write_owner__again", "", TRANSIENT, classes.JOB, before, 1, 2)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO runtime.effects (business_id, element_id, task, process_instance_key, element_instance_key,"
            " job_key) VALUES ('lead-1', 'write_owner', 'lead_routing.write_owner', 1, 1, 1)"
        )
        await connection.execute(
            "INSERT INTO runtime.deployments (deployment_key, digest, resources, engine) VALUES (1, '', '[]', '')"
        )
    (found,) = await observing.of_incidents(pool, [incident], await observing.signs(pool))
    assert found.facts(Case(before, 3, None, now), now) == {
        "trouble": {
            "symptom": "incident", "process": "lead_routing", "task": "write_owner", "error_class": "transient",
            "about": "crm", "others_done": True, "deployed_since": True, "attempts": 3, "age_minutes": 1, "value": 0.0,
        }
    }  # fmt: skip
    later = Incident(1, "lead_routing", "write_owner", "", TRANSIENT, classes.JOB, now + timedelta(minutes=1), 1, 2)
    (found,) = await observing.of_incidents(pool, [later], await observing.signs(pool))
    assert (found.others_done, found.deployed_since) == (False, False)


async def test_a_mail_server_is_there_when_it_greets(unused_tcp_port: int) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await writer.drain()
        writer.close()

    assert not await greets("127.0.0.1", unused_tcp_port)
    async with await asyncio.start_server(greet, "127.0.0.1", unused_tcp_port):
        assert await greets("127.0.0.1", unused_tcp_port)
