"""Repair policies on a real engine and database: what they take for transient, how often and how fast they try."""

from __future__ import annotations

import asyncio
import inspect
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.operations.conftest import Trouble, bury, eventually, rows
from workers.operations import audit, dead_letters
from workers.operations.dependencies import greets
from workers.operations.model import Incident, Wanted
from workers.operations.policies import SHIPPED, Dependency, PoliciesError, Policy, load
from workers.operations.repair import Probe, Repair
from workers.operations.telling import Telling
from workers.runtime import answers
from workers.runtime.database import Pool
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.outbox import OutboxRow, put
from workers.runtime.task import Retry
from workers.settings import Settings

TRANSIENT = "Gave up after the last try: The CRM is away. When the cause is mended, retry this incident."
DEFECT = "Defect in call: KeyError. Deploy a corrected worker, then retry this incident."
NOW = timedelta()
PLACE = (
    "FROM pg_locks l WHERE locktype = 'advisory' AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)

Repairing = Callable[..., Repair]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def policy(**fields: object) -> Policy:
    given = {"name": "back", "of": "incidents", "matches": ["^Gave up after the last try: "], "first": NOW, "cap": NOW}
    return Policy.model_validate(given | fields)


@pytest.fixture
def repairing(dsn: str, pool: Pool, trouble: Trouble) -> Repairing:
    def make(*policies: Policy, crm: bool = True) -> Repair:
        probes: dict[Dependency, Probe] = {"engine": yes, "crm": yes if crm else no, "mail": yes}
        telling = Telling(pool, trouble.board, Settings())
        return Repair(dsn, pool, trouble.board, trouble.client, policies, probes, telling.tell)

    return make


async def test_only_what_may_go_away_by_itself_is_tried(pool: Pool, trouble: Trouble, repairing: Repairing) -> None:
    await trouble.make(TRANSIENT, DEFECT)
    (report,) = await repairing(policy()).once()
    assert [(one.business_id, one.outcome) for one in report.done] == [("c0", "done")]
    (left,) = await trouble.incidents(1)
    assert left.message == DEFECT
    (entry,) = await audit.entries(pool, actor=audit.POLICY)
    assert (entry.actor, entry.action, entry.business_id) == ("policy:back", "incident.retry", "c0")
    assert entry.why.startswith("Try 1 of 5")


async def test_a_job_that_fails_again_and_again_is_left_to_a_person(trouble: Trouble, repairing: Repairing) -> None:
    await trouble.make(TRANSIENT)
    repair = repairing(policy(tries=2))
    for _ in range(2):
        (report,) = await repair.once()
        assert [one.ok for one in report.done] == [True]
        (job,) = await trouble.jobs(1)
        await trouble.fail(job, TRANSIENT)
        await trouble.incidents(1)
    (report,) = await repair.once()
    assert (list(report.done), report.exhausted, report.waiting) == ([], 1, 0)


async def test_nothing_is_tried_while_the_dependency_is_away(
    pool: Pool, trouble: Trouble, repairing: Repairing
) -> None:
    await trouble.make(TRANSIENT)
    waiting = policy(waits_for=["crm"])
    (report,) = await repairing(waiting, crm=False).once()
    assert (list(report.done), report.away, report.waiting) == ([], ["crm"], 1)
    assert await audit.entries(pool) == []
    (report,) = await repairing(waiting).once()
    assert [one.ok for one in report.done] == [True]


async def test_the_rate_is_bounded_over_processes(trouble: Trouble, repairing: Repairing) -> None:
    await trouble.make(*[TRANSIENT] * 5)
    (first,) = await repairing(policy(per_minute=3)).once()
    (second,) = await repairing(policy(per_minute=3)).once()
    assert (len(first.done), first.waiting) == (3, 2)
    assert (len(second.done), second.waiting) == (0, 2)


async def test_it_waits_before_the_first_try_and_longer_before_the_next(trouble: Trouble, repairing: Repairing) -> None:
    await trouble.make(TRANSIENT)
    (report,) = await repairing(policy(first="1h", cap="2h")).once()
    assert (len(report.done), report.waiting) == (0, 1)
    growing = policy(first="10s", cap="1m")
    assert [growing.pause(tried).total_seconds() for tried in range(5)] == [10, 20, 40, 60, 60]
    assert growing.pause(10_000).total_seconds() == 60


async def test_of_two_policies_that_fit_the_first_one_tries(pool: Pool, repairing: Repairing) -> None:
    await bury(pool, "lead-1", 1, "Gave up after 20 tries. CrmDown: away")
    one, other = (policy(name=name, of="dead-letters", matches=["^Gave up"]) for name in ("one", "other"))
    assert [len(report.done) for report in await repairing(one, other).once()] == [1, 0]


async def test_dead_letters_go_back_into_the_outbox(pool: Pool, repairing: Repairing) -> None:
    await bury(pool, "lead-1", 1, "Gave up after 20 tries. CrmDown: The CRM does not answer.")
    await bury(pool, "lead-2", 1, "This change for the CRM names no lead; drop it, or correct its payload.")
    await bury(pool, "lead-3", 1, "Gave up after 20 tries. TransientError: busy", channel="mail")
    (report,) = await repairing(
        policy(of="dead-letters", channel="crm.lead", matches=[r"^Gave up after \d+ tries\."])
    ).once()
    assert [one.outcome for one in report.done] == ["done"]
    assert await rows(pool, "SELECT business_id FROM runtime.outbox WHERE channel = 'crm.lead'") == [("lead-1",)]


async def test_of_two_processes_one_repairs_and_the_other_takes_over(repairing: Repairing) -> None:
    one, other = repairing(), repairing()
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
from workers.operations.repair import Repair
from workers.runtime.database import open_pool

class Nothing:
    async def open_incidents(self, limit): return []

async def tell(found): return 0

async def main(dsn, lost_seconds):
    pool = await open_pool(dsn)
    await Repair(dsn, pool, Nothing(), None, [], {}, tell, lost_seconds=lost_seconds).run(asyncio.Event(), 4.0)

asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


class Quiet:
    """A board without incidents; nobody is told of anything."""

    async def open_incidents(self, limit: int) -> list[Incident]:
        return []

    async def tell(self, found: object) -> int:
        return 0


async def test_one_that_hangs_or_whose_machine_is_gone_loses_its_place(dsn: str, pool: Pool) -> None:
    lost_seconds = 1.5
    quiet: Any = Quiet()
    other, stop = Repair(dsn, pool, quiet, quiet, [], {}, quiet.tell), asyncio.Event()
    elsewhere = await asyncio.create_subprocess_exec(sys.executable, "-c", ELSEWHERE, dsn, str(lost_seconds))
    try:

        async def kept() -> bool:
            age = "(SELECT clock_timestamp() - backend_start FROM pg_stat_activity a WHERE a.pid = l.pid)"
            return await rows(pool, f"SELECT {age} > make_interval(secs => {2 * lost_seconds}) {PLACE}") == [(True,)]

        await eventually(kept, "it to keep its place for as long as it lives", within=120)
        taking_over = asyncio.create_task(other.run(stop, 0.05))
        elsewhere.send_signal(signal.SIGSTOP)

        async def took_over() -> bool:
            return other.working

        await eventually(took_over, "its place to be taken", within=60)
        stop.set()
        await taking_over
    finally:
        elsewhere.kill()
        await elsewhere.wait()


async def test_it_comes_back_when_its_connection_is_cut(pool: Pool, repairing: Repairing) -> None:
    repair, stop = repairing(), asyncio.Event()
    running = asyncio.create_task(repair.run(stop, 0.05))

    async def works() -> bool:
        return repair.working

    async def cut() -> bool:
        return not repair.working

    await eventually(works, "it to work")
    await rows(pool, f"SELECT pg_terminate_backend(pid) {PLACE}")
    await eventually(cut, "it to notice")
    await eventually(works, "it to work again")
    stop.set()
    await running


def test_the_shipped_policies_try_thrice_within_ten_minutes() -> None:
    for one in load(SHIPPED):
        assert sum((one.pause(tried) for tried in range(3)), NOW) < timedelta(minutes=10)


async def test_the_shipped_policies_know_the_dispatchers_message(dsn: str, pool: Pool) -> None:
    channels = ["crm.lead", "mail", "zeebe.message", "of.any.other.context"]
    async with pool.connection() as connection:
        for channel in channels:
            await put(connection, channel, "lead-1", "busy", {})
            await put(connection, channel, "lead-2", "refused", {})

    async def deliver(row: OutboxRow) -> None:
        raise TransientError("busy") if row.external_id == "busy" else PermanentError("refused")

    dispatcher = Dispatcher(dsn, pool, dict.fromkeys(channels, deliver), retry=Retry(tries=1))
    running = asyncio.create_task(dispatcher.run())

    async def dead() -> bool:
        return len(await dead_letters.find(pool, Wanted())) == 2 * len(channels)

    await eventually(dead, "two dead letters")
    dispatcher.stop()
    await running
    found = await dead_letters.find(pool, Wanted())
    policies = [one for one in load(SHIPPED) if one.of == "dead-letters"]
    first = {letter.subject: next((one.name for one in policies if one.wanted().of([letter]) and one.fits(letter)), "")
             for letter in found}  # fmt: skip
    assert first == {f"{channel}:refused": "" for channel in channels} | {
        "crm.lead:busy": "transient-crm",
        "mail:busy": "transient-mail",
        "zeebe.message:busy": "transient-message",
        "of.any.other.context:busy": "transient-delivery",
    }


def test_each_transient_incident_has_one_policy() -> None:
    beginning = "Gave up after the last try: "
    assert beginning in inspect.getsource(answers)
    policies = [one for one in load(SHIPPED) if one.of == "incidents"]
    for message, names in {
        f"{beginning}The CRM did not answer (TimeoutError); it is asked again.": ["crm-incident"],
        f"{beginning}lead_routing.score_lead took longer than its 20 s.": ["transient-incident"],
        DEFECT: [],
    }.items():
        incident = Incident(1, "lead_routing", "match_account", "", message, "JOB_NO_RETRIES", None, 1)
        assert [one.name for one in policies if one.fits(incident)] == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policies: [{name: A B, of: incidents, matches: [x]}]", "policies.0.name"),
        ("policies: [{name: a, of: incidents, matches: ['(']}]", "is not a regular expression"),
        ("policies: [{name: a, of: incidents, matches: [x], first: soon}]", "An age is a number and a unit"),
        ("policies: [{name: a, of: incidents, matches: [x], channel: mail}]", "belong to dead letters"),
        ("policies: [{name: a, of: incidents, matches: [x], color: red}]", "policies.0.color"),
        ("policies: [{name: a, of: incidents, matches: [x]}, {name: a, of: incidents, matches: [y]}]", "two policies"),
        ("policies: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(text)
    with pytest.raises(PoliciesError, match=said):
        load(file)
    with pytest.raises(PoliciesError, match="can't be read"):
        load(tmp_path / "nowhere.yaml")


async def test_a_mail_server_is_there_when_it_greets(unused_tcp_port: int) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await writer.drain()
        writer.close()

    assert not await greets("127.0.0.1", unused_tcp_port)
    async with await asyncio.start_server(greet, "127.0.0.1", unused_tcp_port):
        assert await greets("127.0.0.1", unused_tcp_port)
