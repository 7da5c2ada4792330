"""`fairlead connect check salesforce`: a newcomer is told what to mend, and when all is well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.simulators.salesforce import forecasts, schema
from tests.simulators.salesforce.serving import Simulated
from tests.unit.connectors.test_hubspot_check import wrong
from workers.__main__ import build
from workers.settings import get_settings

Run = Callable[..., Result]
OWN = ("Fairlead_Lead_Id__c", "Fairlead_Status__c", "Fairlead_Change__c", "Fairlead_Account__c")


@pytest.fixture
def run(bare: Simulated, monkeypatch: pytest.MonkeyPatch, dsn: str) -> Iterator[Run]:
    for name, value in {
        "FAIRLEAD_DATABASE_URL": dsn,
        "FAIRLEAD_SALESFORCE__BASE_URL": bare.url,
        "FAIRLEAD_SALESFORCE__TRUSTED_HOSTS": '["127.0.0.1"]',
        "FAIRLEAD_SALESFORCE__CLIENT_ID": bare.door.client_id,
        "FAIRLEAD_SALESFORCE__CLIENT_SECRET": bare.door.client_secret,
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield lambda *options: CliRunner().invoke(build(["connect"]), ["connect", "check", "salesforce", *options])
    get_settings.cache_clear()


def test_a_fresh_organisation_is_prepared_in_one_step(run: Run, bare: Simulated) -> None:
    first = run("--json")
    assert first.exit_code == 1
    assert wrong(first).keys() == {f"Lead.{name}" for name in OWN}
    assert bare.org.fields["Lead"].keys().isdisjoint(OWN)
    second = run("--create-fields", "--json")
    assert (second.exit_code, wrong(second)) == (0, {})
    made = bare.org.fields["Lead"]
    assert (made[OWN[0]]["externalId"], made[OWN[0]]["unique"], made[OWN[1]]["unique"]) == (True, True, False)
    assert made[OWN[3]]["referenceTo"] == ["Account"]
    assert "Made:" not in run("--create-fields").stdout


def test_fields_that_are_there_and_nobody_may_see_are_opened(run: Run, bare: Simulated) -> None:
    run("--create-fields")
    bare.org.records["FieldPermissions"].clear()
    assert wrong(run("--json")).keys() == {f"Lead.{name}" for name in OWN}
    assert run("--create-fields").exit_code == 0
    assert len(bare.org.records["PermissionSet"]) == 1


def test_missing_rights_are_named_with_their_purpose(run: Run, bare: Simulated) -> None:
    run("--create-fields")
    bare.org.forbidden |= {("Lead", "updateable"), ("Opportunity", "queryable")}
    said = wrong(run("--json"))
    assert said.keys() == {"Lead updateable", "Opportunity queryable"}
    assert "open opportunities" in said["Opportunity queryable"]


def test_who_may_not_make_fields_is_told_so(run: Run, bare: Simulated) -> None:
    bare.org.forbidden.add(("CustomField", "createable"))
    refused = run("--create-fields")
    assert refused.exit_code == 1
    assert "make the field Fairlead_Lead_Id__c" in refused.stderr


def test_fields_of_the_wrong_kind_are_said(run: Run, bare: Simulated) -> None:
    run("--create-fields")
    bare.org.fields["Lead"][OWN[0]]["unique"] = False
    bare.org.fields["Lead"][OWN[1]]["updateable"] = False
    bare.org.fields["Lead"][OWN[3]]["referenceTo"] = ["Contact"]
    assert wrong(run("--json")).keys() == {f"Lead.{OWN[0]}", f"Lead.{OWN[1]}", f"Lead.{OWN[3]}"}


def test_the_report_can_be_read(run: Run, bare: Simulated) -> None:
    shown = run("--create-fields").stdout
    assert f"Made: {', '.join(OWN)}" in shown
    for part in ("rights", "fields", "people", "limits", "Acme Iberia", "sandbox", "of 15,000 left today"):
        assert part in shown
    assert bare.door.client_secret not in shown


def test_a_wrong_secret_a_wrong_mapping_a_missing_queue_and_no_log_in_are_said(
    run: Run, bare: Simulated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("--create-fields")
    mapping = tmp_path / "mapping.yaml"
    kept = "keeps: {lead_id: Fairlead_Lead_Id__c, status: Fairlead_Status__c, change: Fairlead_Change__c, account: Fairlead_Account__c}\n"
    mapping.write_text(f"{kept}queue: Nowhere\nlead: {{}}\naccount: {{annual_revenue_eur: AnnualRevenue}}\n")
    monkeypatch.setenv("FAIRLEAD_SALESFORCE__MAPPING", str(mapping))
    get_settings.cache_clear()
    assert wrong(run("--json")).keys() == {"Nowhere"}
    mapping.write_text("keeps: {lead_id: 1}\nlead: {nose: {property: x, write: never}}\naccount: {}\n")
    said = run().stderr
    assert "keeps.lead_id" in said
    assert "lead.nose" in said
    monkeypatch.delenv("FAIRLEAD_SALESFORCE__MAPPING")
    bare.door.client_secret = "another"
    get_settings.cache_clear()
    assert "refuses the log-in" in run().stderr
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"FAIRLEAD_SALESFORCE__{name}")
    get_settings.cache_clear()
    assert "FAIRLEAD_SALESFORCE__CLIENT_ID" in run().stderr


def test_events_that_would_not_be_told_are_said(run: Run, bare: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    run("--create-fields")
    monkeypatch.setenv("FAIRLEAD_SALESFORCE__CHANGES", "events")
    monkeypatch.setenv("FAIRLEAD_SALESFORCE__PUBSUB_ADDRESS", bare.bus.serve())
    get_settings.cache_clear()
    shown = run().stdout
    for part in ("/data/LeadChangeEvent", "Change Data Capture", "10,000 of 10,000 left today", "events delivered"):
        assert part in shown
    bare.bus.enabled.clear()
    assert "Choose Lead in Setup" in wrong(run("--json"))["/data/LeadChangeEvent"]
    monkeypatch.setenv("FAIRLEAD_SALESFORCE__PUBSUB_ADDRESS", "localhost:7443")  # which is no trusted host
    get_settings.cache_clear()
    assert "not on the public internet" in wrong(run("--json"))["/data/LeadChangeEvent"]


def test_quotas_that_are_switched_on_are_checked_too(
    run: Run, bare: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--create-fields")
    monkeypatch.setenv("FAIRLEAD_CRMS__QUOTAS", "salesforce")
    get_settings.cache_clear()
    org = bare.org
    org.forbidden |= {("ForecastingQuota", "createable"), ("ForecastingQuota", "deletable")}
    said = wrong(run("--json"))
    assert said.keys() == {
        *("ForecastingQuota createable", "ForecastingQuota deletable", "forecast type OpportunityRevenue", "currency"),
    }
    assert "Manage Quotas" in said["ForecastingQuota createable"]
    assert "quota.currency" in said["currency"]
    org.forbidden.clear()
    year = datetime.now(UTC).year
    forecasts.switch_on(org, year, year + 1)
    forecasts.use_currencies(org, "EUR", "CHF")
    org.person("cem@example.com", "Cem", ForecastEnabled=False)
    assert wrong(run("--json")) == {}
    said = {one["what"]: one["said"] for one in json.loads(run("--json").stdout)}
    assert said["months"].endswith("in the next year")
    assert said["currencies"].startswith("EUR, CHF: ")
    assert said["forecast type OpportunityRevenue"] == "has the quotas"
    org.forbidden.add(("ForecastingQuota", "queryable"))  # as for who may not see it
    assert {f"ForecastingQuota {one}" for one in ("queryable", "createable", "updateable", "deletable")} == wrong(
        run("--json")
    ).keys()


def test_planning_that_is_switched_on_is_checked_too(
    run: Run, bare: Simulated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("--create-fields")
    for use in ("TERRITORIES", "OPPORTUNITIES"):
        monkeypatch.setenv(f"FAIRLEAD_CRMS__{use}", "salesforce")
    get_settings.cache_clear()
    bare.org.forbidden |= {("Account", "updateable"), ("Opportunity", "updateable")}
    ranking = {f"Opportunity.{name}" for name in schema.ranking()}
    assert wrong(run("--json")).keys() == {"Account updateable", "Opportunity updateable", *ranking}
    bare.org.forbidden.clear()
    assert wrong(run("--create-fields", "--json")) == {}
    assert bare.org.fields["Opportunity"]["Fairlead_Place__c"]["type"] == "double"
    bare.org.fields["Account"]["OwnerId"]["updateable"] = False
    own = tmp_path / "mapping.yaml"
    shipped = (resources.files("workers.connectors.salesforce") / "mapping.yaml").read_text()
    own.write_text(shipped.replace("  account: Id\n", "  account: Phone\n").replace("    Prospecting: qualify\n", ""))
    monkeypatch.setenv("FAIRLEAD_SALESFORCE__MAPPING", str(own))
    get_settings.cache_clear()
    assert wrong(run("--json")).keys() == {"Account.OwnerId", "Account.Phone"}
    assert "stage Prospecting" in run().stdout
    own.write_text(shipped[: shipped.index("opportunity:")])
    refused = run()
    assert refused.exit_code == 1
    assert "no part `opportunity`" in refused.stderr
