"""Traces over the outbox, process variables and jobs: a real engine and database, spans kept in memory."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import REGISTRY

from tests.spans import Spans, context, events, is_below, recorded, traceparent, traces
from tests.unit.runtime.demo.cases import Cases
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.served import Serve
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.engine.ports import free_port
from workers.runtime import logs, outbox, tracing, tracing_sdk
from workers.runtime.database import Pool
from workers.runtime.deliveries import MESSAGES, messages
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.feed import Feed
from workers.runtime.outbox import OutboxRow
from workers.runtime.task import Retry
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, Tracing

PROJECT = Path(__file__).parents[3]
SECRET = "Pl4nted-secret"
Serving = Callable[..., AbstractAsyncContextManager[Feed]]


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded() as found:
        yield found


@pytest.fixture
async def book(client: ZeebeClient) -> str:
    await client.deploy({"book.bpmn": one_task("book", errors=("no_room",))})
    return "run_book"


def ended(engine: EmbeddedEngine, instance: int) -> bool:
    return any(one.key == instance and one.state == "ELEMENT_COMPLETED" for one in engine.elements(instance))


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def dispatch(dsn: str, pool: Pool, deliveries: dict[str, outbox.Deliver], done: str) -> None:
    """Dispatch until this query of the database gives a row."""
    retry = Retry(tries=3, first_seconds=0.02, cap_seconds=0.05)
    dispatcher = Dispatcher(dsn, pool, deliveries, retry=retry, poll_seconds=0.05)
    running = asyncio.create_task(dispatcher.run())

    async def over() -> bool:
        async with pool.connection() as connection:
            return (await connection.execute(done.encode())).rowcount > 0

    await until(over, done)
    dispatcher.stop()
    await running


EMPTY = "SELECT WHERE NOT EXISTS (SELECT FROM runtime.outbox)"


async def test_a_job_hangs_below_the_span_in_its_variables_and_its_row_below_the_job(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases, dsn: str, spans: Spans
) -> None:
    with tracing.continued(None, "before"):
        given = tracing.carried()
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1", tracing.VARIABLE: given})
        await until(lambda: ended(engine, instance), "the instance to end")
    sent: list[OutboxRow] = []

    async def deliver(row: OutboxRow) -> None:
        sent.append(row)

    await dispatch(dsn, cases.resources.pool, {"test": deliver}, EMPTY)
    before, job, task = (spans.one(name) for name in ("before", "job flow.book", "run flow.book"))
    delivery, wait = spans.one("deliver test"), spans.one("wait test")
    assert is_below(job, before)
    assert is_below(task, job)
    assert is_below(delivery, task)
    assert is_below(wait, task)
    assert job.kind.name == "CONSUMER"
    assert delivery.kind.name == "PRODUCER"
    assert sent[0].traceparent == traceparent(task)
    assert (wait.start_time or 0) < (wait.end_time or 0) <= (delivery.start_time or 0)
    assert attributes(job) == {
        "fairlead.job_type": "flow.book",
        "fairlead.job_key": attributes(job)["fairlead.job_key"],
        "fairlead.process_instance_key": instance,
        "fairlead.process_id": "run_book",
        "fairlead.element_id": "book",
        "fairlead.try": 1,
        "fairlead.business_id": "c1",
        "fairlead.deduplicated": False,
        "fairlead.outcome": "completed",
    }
    assert attributes(delivery)["fairlead.outcome"] == "delivered"


async def test_a_message_carries_its_delivery_into_the_process(
    client: ZeebeClient, pool: Pool, dsn: str, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[dict[str, Any]] = []

    async def publish(_name: str, _key: str, variables: dict[str, Any], *_: object) -> bool:
        published.append(variables)
        return True

    monkeypatch.setattr(client, "publish", publish)
    payload = {"name": "hello", "correlation_key": "x", "variables": {"a": 1}}
    with tracing.continued(None, "request"):
        async with pool.connection() as connection:
            await outbox.put(connection, MESSAGES, "x", "hello:x", payload)
    await dispatch(dsn, pool, {MESSAGES: messages(client)}, EMPTY)
    delivery = spans.one("deliver zeebe.message")
    assert is_below(delivery, spans.one("request"))
    assert attributes(delivery)["fairlead.message"] == "hello"
    assert published == [{"a": 1, tracing.VARIABLE: traceparent(delivery)}]


async def test_jobs_of_an_instance_without_a_trace_share_one(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases, spans: Spans
) -> None:
    cases.resources.cache["modes"] = ["transient", "ok", "ok"]
    async with serving("book"):
        first = await client.start(book, {"case_id": "c1"})
        await until(lambda: ended(engine, first), "the first instance to end")
        other = await client.start(book, {"case_id": "c2", tracing.VARIABLE: "no traceparent"})
        await until(lambda: ended(engine, other), "the other instance to end")
    jobs = spans.named("job flow.book")
    of_first = [job for job in jobs if attributes(job)["fairlead.process_instance_key"] == first]
    assert len(of_first) == 2
    assert len(traces(of_first)) == 1
    assert len(traces(jobs)) == 2
    with recorded() as another_process, tracing.continued(None, "elsewhere", instance=first):
        pass
    assert traces(another_process.all()) == traces(of_first)


async def test_retries_incidents_and_business_errors_are_seen(
    engine: EmbeddedEngine, client: ZeebeClient, serving: Serving, book: str, cases: Cases, spans: Spans
) -> None:
    cases.resources.cache["modes"] = ["transient", "down", "defect", "no_room"]
    async with serving("book"):
        instance = await client.start(book, {"case_id": "c1"})
        await until(lambda: engine.incidents(instance), "an incident")
        await client.cancel(instance)
        other = await client.start(book, {"case_id": "c2"})
        await until(lambda: ended(engine, other), "the instance to end")
    failed, waits, defect, refused = spans.named("job flow.book")
    assert events(failed) == ["retry"]
    assert dict(failed.events[0].attributes or {})["reason"] == "failure"
    assert dict(failed.events[0].attributes or {})["retries_left"] == 2
    assert attributes(failed)["error.type"] == "TransientError"
    assert dict(waits.events[0].attributes or {})["reason"] == "dependency_down"
    assert [attributes(job)["fairlead.try"] for job in (failed, waits, defect)] == [1, 2, 2]
    assert events(defect) == ["incident"]
    assert attributes(defect)["fairlead.outcome"] == "incident"
    assert not defect.status.is_ok
    assert events(refused) == ["business error"]
    assert refused.status.is_unset
    assert "ana@example.com" not in "".join(span.to_json() for span in spans.all())


async def test_a_repeat_and_an_undo_are_linked_to_the_effect(cases: Cases, spans: Spans) -> None:
    with tracing.continued(None, "job"):
        await cases.run("book")
    with tracing.continued(None, "again"):
        assert (await cases.run("book")).repeated
    with tracing.continued(None, "compensation"):
        await cases.run("unbook")
    with tracing.continued(None, "other case"):
        await cases.run("book", "c2")
    with tracing.continued(None, "withdrawal"):
        await cases.run("settle", "c2")

    def links(span: ReadableSpan) -> list[int]:
        return [link.context.span_id for link in span.links]

    effect = context(spans.one("job")).span_id
    again, unbooked = spans.one("again"), spans.named("run flow.unbook")[0]
    assert (links(again), events(again)) == ([effect], ["done before"])
    assert (links(unbooked), events(unbooked)) == ([effect], ["undoes"])
    undo = spans.one("undo flow.unbook")
    assert is_below(undo, spans.one("run flow.settle"))
    assert links(spans.named("run flow.unbook")[1]) == [context(spans.one("other case")).span_id]


async def test_what_is_not_sampled_is_carried_all_the_same(pool: Pool) -> None:
    with recorded(sampling_ratio=0.0) as spans:
        with tracing.continued(None, "request"):
            carried = tracing.carried()
        with tracing.continued(carried, "job", instance=7):
            again = tracing.carried()
    assert carried is not None
    assert again is not None
    assert carried.split("-")[1] == again.split("-")[1]
    assert int(carried[-2:], 16) & 1 == int(again[-2:], 16) & 1 == 0
    assert spans.all() == []
    with recorded(sampling_ratio=0.0) as spans, tracing.continued(carried[:-2] + "01", "of a sampled one"):
        pass
    assert spans.one("of a sampled one")


@pytest.fixture
def _with_a_secret() -> Iterator[None]:
    logs.configure(Settings.model_validate({"mail": {"password": SECRET}}))
    yield
    logs.configure(Settings())


@pytest.mark.usefixtures("_with_a_secret")
async def test_failed_deliveries_are_seen_and_dead_letters_keep_their_trace(pool: Pool, dsn: str, spans: Spans) -> None:
    misses = [TransientError(f"Away, ana@example.com, {SECRET}."), PermanentError(f"No: ana@example.com with {SECRET}")]

    async def deliver(_: OutboxRow) -> None:
        raise misses.pop(0)

    with tracing.continued(None, "request"):
        given = tracing.carried()
        async with pool.connection() as connection:
            await outbox.put(connection, "test", "k", "k/1", {})
    await dispatch(dsn, pool, {"test": deliver}, "SELECT FROM runtime.dead_letters")
    first, second = spans.named("deliver test")
    assert (events(first), first.status.is_ok) == (["retry"], False)
    assert attributes(second)["fairlead.outcome"] == "dead_letter"
    assert attributes(second)["fairlead.try"] == 2
    assert not second.status.is_ok
    assert is_below(spans.one("wait test"), spans.one("request"))
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT traceparent, reason FROM runtime.dead_letters")).fetchone()
    assert row is not None
    assert row["traceparent"] == given
    assert row["reason"].startswith("No: ana@example.com with ***")
    told = "".join(span.to_json() for span in spans.all())
    assert "ana@example.com" not in told
    assert SECRET not in told


LOGGING = """
import structlog
from tests.spans import context, recorded
from workers.runtime import logs, tracing
from workers.settings import Settings
logs.configure(Settings(log_format="json"))
log = structlog.get_logger()
with recorded() as spans, tracing.continued(None, "job"):
    log.info("within", action="within")
log.info("without", action="without")
here = context(spans.one("job"))
print(f"{here.trace_id:032x} {here.span_id:016x}")
"""


def test_logs_name_the_span() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", LOGGING], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=240
    )
    within, without = (json.loads(line) for line in answer.stderr.splitlines())
    assert [within["trace_id"], within["span_id"]] == answer.stdout.split()
    assert "trace_id" not in without


def test_without_an_exporter_opentelemetry_is_not_imported_and_nothing_is_carried() -> None:
    program = (
        "import sys; import workers.runtime.service; from workers.runtime import tracing;"
        "from workers.settings import Settings\n"
        "with tracing.exporting(Settings(), 'worker'), tracing.span('x'), tracing.continued(None, 'y'):\n"
        "    assert tracing.carried() is None and tracing.fetched(['a']) == ['a']\n"
        "print(' '.join(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=240
    )
    assert not {name for name in answer.stdout.split() if name.startswith("opentelemetry")}


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "workers.runtime.tracing_sdk", raising=False)
    monkeypatch.delattr("workers.runtime.tracing_sdk", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    settings = Settings(tracing=Tracing(exporter="otlp"))
    with (
        pytest.raises(tracing.NotInstalled, match=r"pip install 'fairlead\[tracing\]'"),
        tracing.exporting(settings, "x"),
    ):
        pass


class Stuck(SpanExporter):
    """A collector that takes a request and does not answer."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.got = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.answer.wait()
        self.got += len(spans)
        return SpanExportResult.SUCCESS


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("fairlead_spans_dropped_total", {"reason": reason}) or 0.0


def test_a_stuck_collector_holds_up_nothing_and_what_is_dropped_is_counted() -> None:
    stuck, before = Stuck(), dropped("queue_full")
    sdk = tracing_sdk.Sdk(Settings(), "test", stuck)
    number = 2 * tracing_sdk.QUEUE
    with tracing.using(sdk):
        for _ in range(number):
            with tracing.span("x"):
                pass
    lost = dropped("queue_full") - before
    assert number - tracing_sdk.QUEUE - tracing_sdk.BATCH <= lost <= number - tracing_sdk.QUEUE
    stuck.answer.set()
    sdk.close()
    assert stuck.got == number - lost


@pytest.mark.parametrize("exporter", ["otlp", "zipkin"])
async def test_a_worker_works_and_stops_without_its_collector(
    exporter: str, serve: Serve, engine: EmbeddedEngine, client: ZeebeClient
) -> None:
    await client.deploy({"look.bpmn": one_task("look")})
    nowhere = f"http://127.0.0.1:{free_port()}/spans"
    async with serve("flow.look", FAIRLEAD_TRACING__EXPORTER=exporter, FAIRLEAD_TRACING__ENDPOINT=nowhere) as served:
        await served.said("stream_open")
        instance = await client.start("run_look", {"case_id": "c1"})
        await until(lambda: ended(engine, instance), "the instance to end")
        port = (await served.said("metrics_served"))["port"]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:

            async def counted() -> bool:
                lines = (await http.get("/metrics")).text.splitlines()
                return any(line.startswith('fairlead_spans_dropped_total{reason="not_exported"}') for line in lines)

            await until(counted, "the lost spans to be counted", 20)
        assert (await served.said("traces_lost"))["hint"] == "FAIRLEAD_TRACING"
        assert await served.terminate() == 0
        assert served.actions().count("traces_lost") == 1


async def test_a_worker_stops_though_its_collector_never_answers(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}/spans"
        async with serve(
            "flow.look", FAIRLEAD_TRACING__EXPORTER="zipkin", FAIRLEAD_TRACING__ENDPOINT=endpoint
        ) as served:
            await served.said("stream_open")
            assert await served.terminate() == 0
