"""Deployments on a real engine, kept in a real database."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

from tests.unit.runtime.demo.diagram import one_task
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.deployment import DeploymentRefused, NothingToDeploy, TagKept, deploy, versions_beside
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, Zeebe

TABLE = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
 id="{id}_rules" name="rules" namespace="fairlead">
<decision id="{id}" name="answer"><extensionElements><zeebe:versionTag value="{tag}"/></extensionElements>
<variable name="answer" typeRef="number"/><literalExpression><text>{answer}</text></literalExpression></decision>
</definitions>"""


@pytest.fixture
def settings(tmp_path: Path, dsn: str, engine: EmbeddedEngine) -> Settings:
    for folder in ("bpmn", "dmn", "forms"):
        (tmp_path / folder).mkdir()
    return Settings(models=tmp_path, database_url=SecretStr(dsn), zeebe=Zeebe(address=engine.address))


async def test_deploys_only_what_changed_and_keeps_what_belongs_together(
    settings: Settings, client: ZeebeClient, dsn: str
) -> None:
    name = f"p{uuid.uuid4().hex}"
    folder = settings.models
    (folder / "bpmn" / f"{name}.bpmn").write_bytes(one_task("look", process_id=name))
    (folder / "dmn" / f"{name}_answer.dmn").write_text(TABLE.format(id=f"{name}_answer", answer="42", tag="2.1.0"))
    form = {"id": f"{name}_form", "type": "default", "components": [], "versionTag": "3.0.0"}
    (folder / "forms" / f"{name}_form.form").write_text(json.dumps(form))

    first = await deploy(settings)
    assert {change.kind for change in first.changes} == {"new"}
    assert [(change.part.kind, change.part.version_tag) for change in first.changes] == [
        ("process", "1.0.0"),
        ("decision", "2.1.0"),
        ("decisions", None),
        ("form", "3.0.0"),
    ]
    again = await deploy(settings, client)
    assert not again.changed
    assert all("unchanged, version 1" in line for line in again.lines())

    (folder / "dmn" / f"{name}_answer.dmn").write_text(TABLE.format(id=f"{name}_answer", answer="43", tag="2.2.0"))
    third = await deploy(settings, client)
    assert third.changed
    assert f"decision {name}_answer: changed, version 1 → 2 (tag 2.2.0)" in third.lines()
    assert f"process {name}: unchanged, version 1 → 2 with the others (tag 1.0.0)" in third.lines()
    assert (await client.evaluate_decision(f"{name}_answer", {})).output == 43

    process = next(change.part for change in third.changes if change.part.kind == "process")
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
        cursor = await connection.execute("SELECT count(*) AS n FROM runtime.deployments")
        assert await cursor.fetchone() == {"n": 2}
        beside = await versions_beside(connection, process.key)
        assert beside is not None
        assert {part.version for part in beside if part.kind == "decision"} == {2}
        assert await versions_beside(connection, 1) is None


async def test_what_changed_but_kept_its_tag_is_refused_or_said(settings: Settings, client: ZeebeClient) -> None:
    name = f"p{uuid.uuid4().hex}"
    diagram, table, form = (
        settings.models / path for path in (f"bpmn/{name}.bpmn", f"dmn/{name}.dmn", f"forms/{name}.form")
    )
    content = {"id": f"{name}_form", "type": "default", "components": [], "versionTag": "3.0.0"}
    diagram.write_bytes(one_task("look", process_id=name))
    table.write_text(TABLE.format(id=name, answer="42", tag="2.1.0"))
    form.write_text(json.dumps(content))
    await deploy(settings, client)

    table.write_text(TABLE.format(id=name, answer="43", tag="2.1.0"))
    form.write_text(json.dumps(content | {"components": [{"type": "text", "text": "Hello", "id": "hello"}]}))
    with pytest.raises(TagKept, match=rf"{name}\.dmn \(2\.1\.0\) and {name}\.form \(3\.0\.0\) .*--same-tag"):
        await deploy(settings, client)
    assert (await client.evaluate_decision(name, {})).output == 42

    tried = await deploy(settings, client, same_tags=True)
    assert [line.partition(" ")[0] for line in tried.lines()[-2:]] == [f"{name}.dmn", f"{name}.form"]
    assert (await client.evaluate_decision(name, {})).output == 43
    diagram.write_bytes(one_task("look", process_id=name).replace(b'value="1.0.0"', b'value="1.1.0"'))
    table.write_text(TABLE.format(id=name, answer="44", tag="2.2.0"))
    assert (await deploy(settings, client)).tags_kept == []
    table.write_text("<broken")
    with pytest.raises(DeploymentRefused, match="The engine refused"):
        await deploy(settings, client)


async def test_fresh_engine_beside_an_old_database_gets_everything(settings: Settings, dsn: str) -> None:
    name = f"p{uuid.uuid4().hex}"
    (settings.models / "bpmn" / f"{name}.bpmn").write_bytes(one_task("look", process_id=name))
    assert (await deploy(settings)).changed
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        # What the database would hold if the engine had been replaced: other keys.
        await connection.execute(
            "UPDATE runtime.deployments SET resources = jsonb_set(resources, '{0,key}', '1'), deployment_key = 1"
        )
    report = await deploy(settings)
    assert report.changed
    assert [change.kind for change in report.changes] == ["new"]
    assert not (await deploy(settings)).changed


async def test_refused_file_is_named_with_the_reason(settings: Settings) -> None:
    (settings.models / "bpmn" / "fine.bpmn").write_bytes(one_task("look"))
    broken = one_task("look", process_id="broken").replace(b'targetRef="done"', b'targetRef="nowhere"')
    (settings.models / "bpmn" / "broken.bpmn").write_bytes(broken)
    with pytest.raises(DeploymentRefused, match=r"refused broken\.bpmn; nothing was deployed.*nowhere"):
        await deploy(settings)


async def test_empty_folder_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(NothingToDeploy, match="FAIRLEAD_MODELS"):
        await deploy(settings)
