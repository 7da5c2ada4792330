"""Records are read from a real OpenSearch with the index templates of Zeebe's own exporter."""

from __future__ import annotations

import asyncio
import json
import subprocess
import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import httpx
import pytest

from tests.unit.control_room.engine_log import EngineLog
from workers.bench.own_stack import own_place
from workers.control_room.exported import COUNTER_BITS, WINDOW, ExportedRecords, RecordsUnavailable
from workers.control_room.following import Follower
from workers.control_room.projection import INSTANCES, KINDS
from workers.engine import opensearch
from workers.engine.downloads import Store
from workers.runtime.database import Pool
from workers.settings import ControlRoom, Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

BEGIN = 1 << COUNTER_BITS
START_SECONDS = 480


@pytest.fixture(scope="module")
def searched() -> Iterator[Settings]:
    """Settings of an OpenSearch that runs."""
    with own_place("fairlead-test-opensearch-") as settings:
        store = Store(settings.cache, settings.maven_repository)
        (settings.home / "tmp").mkdir()
        opensearch.configure(settings)
        with (settings.home / "opensearch.log").open("wb") as log:
            running = subprocess.Popen(opensearch.command(settings, store), stdout=log, stderr=subprocess.STDOUT)
        try:
            asyncio.run(_is_up(settings))
            yield settings
        finally:
            running.terminate()
            running.wait(60)


@pytest.fixture
async def search(searched: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """OpenSearch with the exporter's templates, and nothing exported yet."""
    async with httpx.AsyncClient(base_url=searched.records_url, timeout=60, trust_env=False) as client:
        await client.delete("/zeebe-record_*")
        for name, address in _templates(searched):
            assert (await client.put(address, content=name, headers={"Content-Type": "application/json"})).is_success
        yield client


async def _is_up(settings: Settings) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as client:
        answers = False
        while not answers:
            try:
                answers = (await client.get(settings.records_url)).is_success
            except httpx.HTTPError:
                await asyncio.sleep(0.3)


def _templates(settings: Settings) -> list[tuple[bytes, str]]:
    program = Store(settings.cache, settings.maven_repository).unpacked(settings.versions.camunda)
    (jar,) = program.glob("lib/zeebe-opensearch-exporter-*.jar")
    with zipfile.ZipFile(jar) as found:
        shared = found.read("zeebe-record-template.json")
        own = [found.read(f"zeebe-record-{kind.index}-template.json") for kind in KINDS]
    return [
        (shared, "/_component_template/zeebe-record"),
        *((text, f"/_index_template/zeebe-record_{kind.index}") for text, kind in zip(own, KINDS, strict=True)),
    ]


async def export(search: httpx.AsyncClient, log: EngineLog, *, without: frozenset[int] = frozenset()) -> None:
    """Write the log as the exporter does, over two days' indices."""
    lines = []
    for value_type, record in log.records:
        if record["position"] not in without:
            name = f"zeebe-record_{value_type.lower().replace('_', '-')}_8.6.0_2026-01-0{1 + record['position'] % 2}"
            lines.append(json.dumps({"index": {"_index": name, "_id": f"1-{record['position']}", "routing": "1"}}))
            lines.append(json.dumps(record | {"partitionId": 1, "valueType": value_type, "recordType": "EVENT"}))
    answer = await search.post(
        "/_bulk?refresh=true", content="\n".join(lines) + "\n", headers={"Content-Type": "application/x-ndjson"}
    )
    assert not answer.json()["errors"], answer.text[:500]


def a_day(log: EngineLog) -> None:
    process = log.deploy("lead_routing")
    for number in range(300):
        case = log.start("lead_routing", process)
        case.run("register_lead", seconds=1)
        asked = case.ask("accept_lead", due=log.now + timedelta(hours=1))
        log.wait(seconds=5)
        if number % 2:
            asked.assign("ana")
            asked.complete()
            case.end()
        if number % 50 == 0:
            case.fail("write_owner", "HTTP 409", job=7)


async def test_pages_are_those_of_the_log_in_order_and_whole(
    searched: Settings, search: httpx.AsyncClient, log: EngineLog
) -> None:
    a_day(log)
    async with ExportedRecords(searched) as source:
        assert await source.partitions() == []
        assert [page.top for page in await source.after([(kind, 1, BEGIN) for kind in KINDS])] == [BEGIN] * len(KINDS)
        await export(search, log)
        assert await source.partitions() == [1]
        for at in (BEGIN, BEGIN + 5, BEGIN + WINDOW):
            cursors = [(kind, 1, at) for kind in KINDS]
            for found, wanted in zip(await source.after(cursors), await log.after(cursors), strict=True):
                assert (found.top, found.missing, found.full) == (wanted.top, wanted.missing, wanted.full)
                assert [one["sequence"] for one in found.records] == [one["sequence"] for one in wanted.records]
                for one, other in zip(found.records, wanted.records, strict=True):
                    assert one["value"].items() <= other["value"].items()


async def test_what_is_deployed_is_known_before_anything_was_started(
    searched: Settings, search: httpx.AsyncClient, log: EngineLog
) -> None:
    log.deploy("lead_routing")
    await export(search, log)
    async with ExportedRecords(searched) as source:
        assert await source.partitions() == [1]
        assert await source.after([]) == []


async def test_holes_are_seen(searched: Settings, search: httpx.AsyncClient, log: EngineLog) -> None:
    a_day(log)
    instances = [record["position"] for value_type, record in log.records if value_type == INSTANCES.value_type]
    await export(search, log, without=frozenset((instances[100], *instances[WINDOW + 7 :])))
    async with ExportedRecords(searched) as source:
        (page,) = await source.after([(INSTANCES, 1, BEGIN)])
        assert (page.missing, page.full) == (1, True)
        assert await source.first_after(INSTANCES, 1, BEGIN + 100) == BEGIN + 102
        assert await source.first_after(INSTANCES, 1, BEGIN + WINDOW + 7) is None


async def test_the_read_model_is_the_same_as_from_the_log_itself(
    searched: Settings, search: httpx.AsyncClient, pool: Pool, log: EngineLog
) -> None:
    async def counted() -> dict[str, int]:
        async with pool.connection() as connection:
            query = "SELECT (SELECT count(*) FROM control.{0}) AS {0}"
            tables = ("processes", "instances", "elements", "user_tasks", "incidents")
            found = [await (await connection.execute(query.format(name).encode())).fetchone() for name in tables]
        return {name: number for row in found if row for name, number in row.items()}

    a_day(log)
    await export(search, log)
    async with ExportedRecords(searched) as source:
        await Follower(pool, source).catch_up()
    assert await counted() == {"processes": 1, "instances": 300, "elements": 600, "user_tasks": 300, "incidents": 6}


async def test_what_can_t_be_read_is_said_with_what_to_do(searched: Settings) -> None:
    nowhere = searched.model_copy(update={"control_room": ControlRoom(records_url="http://127.0.0.1:9")})
    async with ExportedRecords(nowhere) as source:
        with pytest.raises(RecordsUnavailable, match="FAIRLEAD_CONTROL_ROOM__RECORDS_URL"):
            await source.partitions()
