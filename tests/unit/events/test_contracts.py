"""The published contract of each topic is what the code takes and tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import ValidationError
from typer.testing import CliRunner

from workers.__main__ import build
from workers.connectors.kafka.contracts import TOLD, schemas
from workers.gateway.told import TYPES
from workers.settings import get_settings

PUBLISHED = Path(__file__).parents[3] / "docs" / "events.asyncapi.json"


def said(monkeypatch: pytest.MonkeyPatch, **given: str) -> tuple[int, str]:
    for name, value in given.items():
        monkeypatch.setenv(f"FAIRLEAD_KAFKA__{name}", value)
    get_settings.cache_clear()
    done = CliRunner().invoke(build(["events"]), ["events", "contracts"])
    get_settings.cache_clear()
    return done.exit_code, done.output


def test_what_is_published_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"TOPICS_IN": '{"crm.leads": "crm"}', "TOPIC_OUT": "fairlead.cases", "BOOTSTRAP_SERVERS": "127.0.0.1:9092"}
    assert said(monkeypatch, **given) == (0, PUBLISHED.read_text()), (
        "fairlead events contracts > docs/events.asyncapi.json"
    )
    published = json.loads(PUBLISHED.read_text())
    assert set(published["channels"]) == {"crm.leads", "crm.leads.dead-letters", "fairlead.cases"}
    for channel in published["channels"].values():
        for kind, message in channel.get("messages", {}).items():
            assert message == {"$ref": f"#/components/messages/{kind}"}
            Draft7Validator.check_schema(published["components"]["messages"][kind]["payload"])
    assert set(published["components"]["messages"]) == {*TYPES, TOLD}


def test_without_topics_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    code, told = said(monkeypatch)
    assert code == 1
    assert "FAIRLEAD_KAFKA__TOPICS_IN" in told


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("lead.created", {}),
        ("lead.created", {"email": "ana@example.com", "employees": 7, "attributes": {"page_views": 3}}),
        ("lead.created", {"email": 7}),
        ("lead.created", {"employees": -1}),
        ("lead.created", {"nose": "red"}),
        ("lead.created", {"attributes": {"deep": {"er": 1}}}),
        ("lead.created", {"name": "x" * 301}),
        ("lead.withdrawn", {"external_id": "l1", "why": "bought elsewhere"}),
        ("lead.withdrawn", {"external_id": "l1"}),
        ("lead.withdrawn", {"external_id": "l1", "why": ""}),
        ("lead.outcome", {"external_id": "l1", "converted": True, "at": "2026-03-01T09:30:00+01:00"}),
        ("lead.outcome", {"external_id": "l1", "converted": "yes"}),
        ("lead.outcome", {"converted": True}),
    ],
)
def test_the_schema_takes_what_the_code_takes(kind: str, data: dict[str, Any]) -> None:
    try:
        # As `workers.gateway.told` reads it.
        TYPES[kind].model_validate(data | ({"source": "crm"} if kind == "lead.created" else {}))
        taken = True
    except ValidationError:
        taken = False
    assert Draft7Validator(schemas()[kind]).is_valid(data) == taken
