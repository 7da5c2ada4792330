"""Event logs, read again by an independent reader (pm4py) and held against plain SQL: counts, paths, moments, who did what."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from typer.testing import CliRunner

from tests.unit.control_room.engine_log import EngineLog
from tests.unit.control_room.mined import Orders
from tests.unit.control_room.town import NASTY, live, settle
from workers.cli.readmodel import app
from workers.control_room import cases, event_log
from workers.control_room.event_log import Format
from workers.control_room.following import Follower
from workers.control_room.kpis import Scope
from workers.runtime.database import Pool
from workers.settings import get_settings

HOSTILE = f'{NASTY} ]]> & "\x01\x0b' + "\ufffe \N{PILE OF POO}"
STEPS = """
    SELECT e.*, coalesce(nullif(t.assignee, ''), '') AS assignee FROM control.elements e
    JOIN control.instances i ON i.key = e.instance_key LEFT JOIN control.user_tasks t ON t.element_key = e.key
    WHERE i.process = %s AND e.kind IN ('SERVICE_TASK', 'USER_TASK') ORDER BY e.started_at, e.key
"""


@pytest.fixture(scope="module")
def pm4py() -> Any:
    """The library, which takes seconds to import: when its tests run, not when they are collected."""
    return importlib.import_module("pm4py")


@pytest.fixture
async def scope(pool: Pool, log: EngineLog, monkeypatch: pytest.MonkeyPatch) -> Scope:
    """A day of leads, one with a hostile name and one with an account, and of orders; slices are small."""
    monkeypatch.setattr(cases, "SLICE", 7)
    await settle(pool)
    await live(pool, log, leads=40)
    orders = Orders(log)
    orders.go(rejected=1, undone=True)
    cut = orders.begin()
    cut.leave(cut.enter("send"), "send", forced=True)
    cut.end(forced=True)
    await Follower(pool, log).catch_up()
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO crm.accounts (id, name) VALUES ('a-1', %s)", (HOSTILE,))
        await connection.execute(
            "UPDATE routing.leads SET account_id = 'a-1', lead = jsonb_set(lead, '{name}', to_jsonb(%s::text))"
            " WHERE lead_id IN ('lead-0001', 'lead-0002')",
            (HOSTILE,),
        )
    return Scope(log.now - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))


async def export(pool: Pool, scope: Scope, form: Format, file: Path, *processes: str) -> None:
    with file.open("wb") as out:
        async for part in event_log.written(pool, processes, scope, form):
            out.write(part)


def files_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def rows(pool: Pool, query: str, *given: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(query.encode(), given)).fetchall()


def paths_of(steps: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    instances: dict[int, list[str]] = {}
    for step in steps:
        instances.setdefault(step["instance_key"], []).append(step["element"])
    return Counter(tuple(path) for path in instances.values())


async def test_xes_says_what_the_read_model_has(pool: Pool, scope: Scope, tmp_path: Path, pm4py: Any) -> None:
    file = tmp_path / "leads.xes"
    await export(pool, scope, "xes", file, "lead_routing")
    read = await asyncio.to_thread(pm4py.read_xes, str(file))
    steps = await rows(pool, STEPS, "lead_routing")
    ended = [step for step in steps if step["ended_at"]]

    assert read["case:concept:name"].nunique() == 40
    begun = read[read["lifecycle:transition"] == "start"]
    done = read[read["lifecycle:transition"] == "complete"]
    assert (len(begun), len(done), len(read)) == (len(steps), len(ended), len(steps) + len(ended))
    variants = pm4py.get_variants(begun, timestamp_key="time:timestamp")
    assert dict(variants) == dict(paths_of(steps))
    for found, column in ((begun, "started_at"), (done, "ended_at")):
        moments = dict(zip(found["concept:instance"].astype(int), found["time:timestamp"], strict=True))
        assert {key: at.to_pydatetime() for key, at in moments.items()} == {
            step["key"]: step[column] for step in steps if step[column]
        }
    resources = {
        int(key): str(who)
        for key, who in zip(done["concept:instance"], done["org:resource"], strict=True)
        if isinstance(who, str)
    }
    reps = {row["login"]: row["name"] for row in await rows(pool, "SELECT login, name FROM routing.reps")}
    assert resources == {
        step["key"]: reps.get(step["assignee"], step["assignee"]) for step in ended if step["assignee"]
    }
    names = set(read["case:name"])
    assert NASTY in names
    assert HOSTILE.translate(dict.fromkeys((1, 11, 0xFFFE), "\N{REPLACEMENT CHARACTER}")) in names


async def test_xes_is_what_the_standard_has_and_tells_what_was_cut_short(
    pool: Pool, scope: Scope, tmp_path: Path
) -> None:
    file = tmp_path / "orders.xes"
    await export(pool, scope, "xes", file, "order_paper")
    log = etree.parse(file).getroot()
    xes = "{http://www.xes-standard.org/}"
    order = [each.tag.removeprefix(xes) for each in log]
    assert order[:9] == ["extension"] * 4 + ["global"] * 2 + ["classifier"] * 2 + ["string"]
    assert {each.get("prefix") for each in log.iter(f"{xes}extension")} == {"concept", "time", "lifecycle", "org"}
    transitions = [each.get("value") for each in log.iter(f"{xes}string") if each.get("key") == "lifecycle:transition"][
        1:
    ]
    assert Counter(transitions) == {"start": 7, "complete": 6, "ate_abort": 1}
    labels = {each.get("value") for each in log.iter(f"{xes}string") if each.get("key") == "label"}
    assert labels == {"Count paper", "Approve <order>", "Send order"}
    states = [each.get("value") for each in log.iter(f"{xes}string") if each.get("key") == "state"]
    assert sorted(states) == ["completed", "ended by force"]


async def test_ocel_says_what_the_read_model_and_the_business_tables_have(
    pool: Pool, scope: Scope, tmp_path: Path, pm4py: Any
) -> None:
    file = tmp_path / "all.json"
    await export(pool, scope, "ocel", file, "lead_routing", "order_paper")
    ocel = await asyncio.to_thread(pm4py.read_ocel2_json, str(file))
    steps = {
        f"event:{step['key']}": step | {"process": process}
        for process in ("lead_routing", "order_paper")
        for step in await rows(pool, STEPS, process)
        if step["ended_at"]
    }
    events = ocel.events.set_index("ocel:eid")
    assert set(events.index) == set(steps)
    for name, step in steps.items():
        assert events.loc[name, "ocel:activity"] == f"{step['process']}.{step['element']}"
        assert events.loc[name, "ocel:timestamp"].to_pydatetime() == step["ended_at"]

    leads = {row["lead_id"]: row for row in await rows(pool, "SELECT * FROM routing.leads")}
    objects = Counter(ocel.objects["ocel:type"])
    assert (objects["process_instance"], objects["lead"], objects["account"]) == (42, 40, 1)
    assert not ocel.objects["ocel:oid"].duplicated().any()
    with_account = {"lead-0001", "lead-0002"}
    of_leads = {f"instance:{row['process_instance_key']}": name for name, row in leads.items()}
    o2o = {(row["ocel:oid"], row["ocel:oid_2"], row["ocel:qualifier"]) for _, row in ocel.o2o.iterrows()}
    assert o2o == {
        *((instance, f"lead:{lead}", "works on") for instance, lead in of_leads.items()),
        *((f"lead:{name}", f"rep:{row['owner_id']}", "belongs to") for name, row in leads.items()),
        *((f"lead:{name}", "account:a-1", "comes from") for name in with_account),
    }
    related = {(row["ocel:eid"], row["ocel:oid"], row["ocel:qualifier"]) for _, row in ocel.relations.iterrows()}
    instances = {name: f"instance:{step['instance_key']}" for name, step in steps.items()}
    people = {name: step["assignee"] for name, step in steps.items() if step["assignee"] and step["completed"]}
    assert related == {
        *((name, instance, "part of") for name, instance in instances.items()),
        *((name, f"lead:{of_leads[at]}", "about") for name, at in instances.items() if at in of_leads),
        *((name, "account:a-1", "for") for name, at in instances.items() if of_leads.get(at) in with_account),
        *((name, f"{'person' if who == 'olga' else 'rep'}:{who}", "done by") for name, who in people.items()),
    }
    text = json.loads(file.read_text(encoding="utf-8"))
    assert HOSTILE in {each["value"] for one in text["objects"] for each in one["attributes"]}
    declared = {one["name"]: {each["name"] for each in one["attributes"]} for one in text["objectTypes"]}
    for one in text["objects"]:
        assert {each["name"] for each in one["attributes"]} <= declared[one["type"]]
    reps = {one["id"] for one in text["objects"] if one["type"] == "rep"}
    assert reps == {f"rep:{row['owner_id']}" for row in leads.values()} | {"rep:ana"}
    assert {one["type"] for one in text["events"]} == {one["name"] for one in text["eventTypes"]}


async def test_the_command_writes_a_file_whole_or_says_what_is_wrong(
    dsn: str, scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pm4py: Any
) -> None:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", dsn)
    get_settings.cache_clear()

    async def run(*arguments: str) -> Any:
        since = f"{scope.since:%Y-%m-%d}"
        return await asyncio.to_thread(CliRunner().invoke, app, ["export", "--since", since, *arguments])

    file = tmp_path / "orders.xes.gz"
    done = await run("--process", "order_paper", "--out", str(file))
    assert done.exit_code == 0, done.output
    read = await asyncio.to_thread(pm4py.read_xes, str(file))
    assert read["case:concept:name"].nunique() == 2
    empty = await run("--process", "order_paper", "--out", str(tmp_path / "none.json"), "--format", "ocel", "--until", f"{scope.since + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}")  # fmt: skip
    assert empty.exit_code == 0, empty.output
    assert json.loads((tmp_path / "none.json").read_text())["events"] == []
    for arguments, hint in (
        (("--process", "nothing"), "It knows: lead_routing, order_paper."),
        (("--process", "order_paper", "--process", "lead_routing"), "XES is the log of one process"),
        (("--process", "order_paper", "--until", "2001-01-01"), "--since must be before --until"),
        (("--process", "order_paper", "--out", str(tmp_path / "nowhere" / "x.xes")), "can't be written"),
    ):
        out = () if "--out" in arguments else ("--out", str(tmp_path / "refused"))
        refused = await run(*arguments, *out)
        assert refused.exit_code == 1
        assert hint in refused.output
    assert files_in(tmp_path) == ["none.json", "orders.xes.gz"]
    get_settings.cache_clear()
