"""The committed contracts are what the code says, the last release's instances survive, and an analyst can use them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.bindings import npm
from tests.bindings.modeler import open_modeler
from tests.bindings.models import ROOT, read_diagram
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.contracts import contracts
from workers.runtime.contracts_files import breaks_since_release, stale
from workers.runtime.task import TaskSpec
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, Zeebe

TEMPLATES = sorted((ROOT / ".camunda" / "element-templates").glob("fairlead_*.json"))


@pytest.fixture
async def client(engine: EmbeddedEngine) -> AsyncIterator[ZeebeClient]:
    async with ZeebeClient(Settings(engine="embedded", zeebe=Zeebe(address=engine.address))) as opened:
        yield opened


def test_committed_contracts_are_what_the_code_says() -> None:
    assert stale(ROOT) == [], "Run `fairlead contracts generate` and commit."


def test_instances_of_the_last_release_go_on() -> None:
    version, broken = breaks_since_release(ROOT)
    assert [str(each) for each in broken] == [], f"since {version}"


def test_schemas_are_schemas_and_know_their_variables(tasks: Mapping[str, TaskSpec]) -> None:
    for job_type, contract in contracts().items():
        for schema, model in (
            (contract["input"], tasks[job_type].input_model),
            (contract["output"], tasks[job_type].output_model),
        ):
            Draft202012Validator.check_schema(schema)
            assert set(schema["properties"]) == set(model.model_fields)


@pytest.mark.slow
def test_camundas_validator_takes_the_templates() -> None:
    assert TEMPLATES
    npm.install()
    done = npm.run(npm.LINT / "templates.mjs", *TEMPLATES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
async def test_analyst_drops_a_task_on_a_diagram(
    engine: EmbeddedEngine, client: ZeebeClient, tasks: Mapping[str, TaskSpec], tmp_path: Path
) -> None:
    (file,) = (each for each in TEMPLATES if each.stem == "fairlead_lead_routing")
    async with open_modeler() as modeler:
        assert await modeler.open(json.loads(file.read_text("utf-8"))) == []
        element = await modeler.append("start", "Suggest owners", "fairlead.lead_routing.suggest_owners")
        await modeler.choose("audience", "sales-managers")
        await modeler.write_expression("task_sla", "routing.manager_sla")
        pictures = Path(os.environ.get("FAIRLEAD_TEST_PICTURES", tmp_path))
        await modeler.picture(pictures / "element_template.png")
        await modeler.append_end()
        drawn = tmp_path / "drawn.bpmn"
        drawn.write_text(await modeler.save(), "utf-8")

    node = read_diagram(drawn).nodes[element]
    assert (node.kind, node.name, node.job_type) == ("serviceTask", "Suggest owners", "lead_routing.suggest_owners")
    assert node.inputs == {"audience": "sales-managers", "task_sla": "=routing.manager_sla"}

    await client.deploy({drawn.name: drawn.read_bytes()})
    sla = {"remind": 1, "due": 2, "escalate": 3}
    given = {"lead_id": "lead-1", "routing": {"manager_sla": sla}}
    await client.start("drawn", given)
    engine.wait_for_idle()
    (job,) = await client.activate(
        "lead_routing.suggest_owners",
        worker="test",
        timeout_seconds=5,
        variables=list(tasks["lead_routing.suggest_owners"].input_model.model_fields),
        at_most=1,
    )
    assert job.variables == given | {"audience": "sales-managers", "task_sla": sla}
    assert job.retries == tasks["lead_routing.suggest_owners"].retry.tries
    await client.complete(job.key, "{}")
