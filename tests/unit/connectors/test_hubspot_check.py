"""`fairlead connect check hubspot`: a newcomer is told what to mend, and when all is well."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.simulators.hubspot.serving import Simulated
from workers.__main__ import build
from workers.settings import get_settings


@pytest.fixture
def run(bare: Simulated, monkeypatch: pytest.MonkeyPatch, dsn: str) -> object:
    for name, value in {
        "FAIRLEAD_DATABASE_URL": dsn,
        "FAIRLEAD_HUBSPOT__BASE_URL": bare.url,
        "FAIRLEAD_HUBSPOT__TRUSTED_HOSTS": '["127.0.0.1"]',
        "FAIRLEAD_HUBSPOT__ACCESS_TOKEN": bare.door.token,
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield lambda *options: CliRunner().invoke(build(["connect"]), ["connect", "check", "hubspot", *options])
    get_settings.cache_clear()


def wrong(result: Result) -> dict[str, str]:
    text = result.stdout
    found = json.loads(text[: text.rindex("]") + 1])
    return {one["what"]: one["said"] for one in found if one["state"] == "wrong"}


def test_a_fresh_account_is_prepared_in_one_step(run: object, bare: Simulated) -> None:
    assert callable(run)
    first = run("--json")
    assert first.exit_code == 1
    assert wrong(first).keys() == {f"contacts.fairlead_{name}" for name in ("lead_id", "status", "change")}
    assert bare.account.properties["contacts"].keys().isdisjoint({"fairlead_lead_id"})
    second = run("--create-fields", "--json")
    assert (second.exit_code, wrong(second)) == (0, {})
    assert bare.account.properties["contacts"]["fairlead_lead_id"]["hasUniqueValue"] is True
    assert bare.account.properties["contacts"]["fairlead_status"]["hasUniqueValue"] is False


def test_missing_rights_are_named_with_their_purpose(run: object, bare: Simulated) -> None:
    assert callable(run)
    run("--create-fields")
    bare.door.scopes -= {"crm.objects.deals.read", "crm.objects.owners.read"}
    assert wrong(run("--json")).keys() == {"crm.objects.deals.read", "crm.objects.owners.read", "owners"}


def test_a_limit_that_others_used_up_is_waited_for(run: object, bare: Simulated) -> None:
    assert callable(run)
    bare.door.faults = [*[None] * 4, "429_secondly"]
    said = run("--create-fields")
    assert (said.exit_code, bare.door.faults) == (0, [])
    assert "Made: fairlead_lead_id" in said.stdout
    bare.door.used_today = bare.door.daily
    assert "day" in run().stderr.lower()


def test_the_report_can_be_read(run: object, bare: Simulated) -> None:
    assert callable(run)
    shown = run("--create-fields").stdout
    assert "Made: fairlead_lead_id, fairlead_status, fairlead_change" in shown
    for part in ("rights", "fields", "people", "limits", "Europe/Madrid", "190 in 10 s"):
        assert part in shown
    assert bare.door.token not in shown


def test_a_wrong_token_a_wrong_mapping_and_no_token_are_said(
    run: object, bare: Simulated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert callable(run)
    bare.door.token = "another"
    assert "refuses the token" in run().stderr
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("keeps: {lead_id: UPPER}\ncontact: {nose: {property: x, write: never}}\ncompany: {}\n")
    monkeypatch.setenv("FAIRLEAD_HUBSPOT__MAPPING", str(mapping))
    get_settings.cache_clear()
    said = run().stderr
    assert "keeps.lead_id" in said
    assert "contact.nose" in said
    monkeypatch.delenv("FAIRLEAD_HUBSPOT__MAPPING")
    monkeypatch.delenv("FAIRLEAD_HUBSPOT__ACCESS_TOKEN")
    get_settings.cache_clear()
    assert "FAIRLEAD_HUBSPOT__ACCESS_TOKEN" in run().stderr


def test_planning_that_is_switched_on_is_checked_too(
    run: object, bare: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(run)
    run("--create-fields")
    for use in ("TERRITORIES", "OPPORTUNITIES", "QUOTAS"):
        monkeypatch.setenv(f"FAIRLEAD_CRMS__{use}", "hubspot")
    get_settings.cache_clear()
    bare.door.scopes -= {"crm.objects.deals.write", "crm.objects.goals.write"}
    ours = {f"deals.fairlead_{name}" for name in ("place", "expected_value", "next_action", "why", "contacted_at")}
    assert wrong(run("--json")).keys() == {"crm.objects.deals.write", "crm.objects.goals.write", *ours}
    bare.door.scopes |= {"crm.objects.deals.write", "crm.objects.goals.write"}
    year = datetime.now(UTC).year
    bare.account.create("goal_targets", {"hs_goal_name": f"Sales Quota {year}", "hs_target_amount": "1"})
    bare.account.stages.append("on_hold")
    assert wrong(run("--create-fields", "--json")) == {}
    assert bare.account.properties["deals"]["fairlead_place"]["type"] == "number"
    shown = run().stdout
    assert "stage on_hold" in shown
    said = {one["what"]: one["said"] for one in json.loads(run("--json").stdout)}
    assert said[f"goal Sales Quota {year}"] == "targets: 1"
    assert "make it in HubSpot" in said[f"goal Sales Quota {year + 1}"]
    assert "closedwon" not in shown
