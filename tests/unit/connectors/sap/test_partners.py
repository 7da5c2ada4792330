"""A lead that converts becomes a business partner, once, whatever breaks off where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.sap.door import Fault
from tests.simulators.sap.serving import Simulated
from tests.unit.connectors.sap.conftest import Sales, settings_of
from workers.connectors import wiring
from workers.connectors.answers import SystemConflict
from workers.connectors.sap.asking import SapDown, SapResting, Unsettled
from workers.connectors.sap.ledger import CHANNEL, Ledger
from workers.connectors.sap.mapping import external_id
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.outbox import OutboxRow
from workers.runtime.resources import Resources
from workers.settings import Settings

PARTNERS = "A_BusinessPartner"


def row(lead_id: str = "lead", **payload: Any) -> OutboxRow:
    return OutboxRow(1, CHANNEL, lead_id, "c1", {"lead_id": lead_id, **payload}, 0)


async def send(case: Sales, lead_id: str = "lead") -> None:
    await wiring.deliveries(case.resources)[CHANNEL](row(lead_id))


async def converted(case: Sales, lead_id: str = "lead", **fields: Any) -> None:
    await case.known(lead_id, **fields)
    await case.convert(lead_id)


def records(simulated: Simulated, name: str) -> list[dict[str, Any]]:
    return list(simulated.system.records[name].values())


async def test_a_company_becomes_an_organisation_with_all_that_is_known(case: Sales, simulated: Simulated) -> None:
    await converted(case)
    await case.deliver()
    [partner] = simulated.system.partners
    [address] = records(simulated, "A_BusinessPartnerAddress")
    [email] = records(simulated, "A_AddressEmailAddress")
    [phone] = records(simulated, "A_AddressPhoneNumber")
    [role] = records(simulated, "A_BusinessPartnerRole")
    assert (partner["BusinessPartnerCategory"], partner["OrganizationBPName1"]) == ("2", "Acme")
    assert partner["BusinessPartnerIDByExtSystem"] == external_id("lead")
    assert {name: address[name] for name in ("BusinessPartner", "Country", "Language", "CityName", "PostalCode")} == {
        "BusinessPartner": partner["BusinessPartner"],
        "Country": "ES",
        "Language": "ES",
        "CityName": "Vigo",
        "PostalCode": "36201",
    }
    assert (email["AddressID"], email["EmailAddress"]) == (address["AddressID"], "ana@acme.es")
    assert (phone["DestinationLocationCountry"], phone["PhoneNumber"]) == ("ES", "612345678")
    assert role["BusinessPartnerRole"] == "BUP002"
    assert "partner_written" in await case.actions("lead")
    [kept] = await case.sql("SELECT * FROM sap.partners")
    assert (kept["partner"], kept["asked_at"]) == (partner["BusinessPartner"], None)


async def test_without_a_company_it_becomes_a_person(case: Sales, simulated: Simulated) -> None:
    await converted(case, company=None, name="Ana María Ruiz")
    await case.deliver()
    [partner] = simulated.system.partners
    told = [partner[name] for name in ("BusinessPartnerCategory", "FirstName", "LastName", "CorrespondenceLanguage")]
    assert told == ["1", "Ana María", "Ruiz", "ES"]


async def test_only_conversions_are_told_each_once_and_none_when_switched_off(
    case: Sales, pool: Pool, simulated: Simulated
) -> None:
    for lead_id in ("won", "lost"):
        await case.known(lead_id)
    await case.convert("lost", converted=False)
    await case.convert("won")
    await case.convert("won")
    rows = await case.sql("SELECT business_id, payload FROM runtime.outbox WHERE channel = %s", CHANNEL)
    assert [(one["business_id"], one["payload"]) for one in rows] == [("won", {"lead_id": "won"})]
    off = Sales(Resources(Settings(sap=settings_of(simulated, conversions=False)), pool))
    await off.switch()
    await off.convert("lost")
    assert len(await case.sql("SELECT FROM runtime.outbox WHERE channel = %s", CHANNEL)) == 1


def test_nobody_listens_who_is_not_connected(pool: Pool) -> None:
    resources = Resources(Settings(), pool)
    assert CHANNEL not in wiring.deliveries(resources)
    assert wiring.chores(resources) == []


@pytest.mark.parametrize("fault", ["lost", "half", "html", "502", "500", "text"])
async def test_whoever_heard_nothing_looks_first(case: Sales, simulated: Simulated, fault: Fault) -> None:
    """With ``lost`` the partner was made."""
    await converted(case)
    simulated.door.faults = [None, fault]  # of the search, of the creation
    with pytest.raises(SapDown):
        await send(case)
    assert len(simulated.system.partners) == (fault == "lost")
    await send(case)
    await send(case)
    assert len(simulated.system.partners) == 1
    assert len([one for one in simulated.system.writes if one[1] == PARTNERS]) == 1


async def test_a_kill_between_the_creation_and_its_note_does_nothing_twice(
    case: Sales, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    async def killed(*_: object) -> None:
        raise Killed

    await converted(case)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "written", killed)
        with pytest.raises(Killed):
            await send(case)
    await case.deliver()
    assert len(simulated.system.partners) == 1
    assert [one[0] for one in simulated.system.writes if one[1] == PARTNERS] == ["POST"]


@pytest.mark.parametrize("settling_seconds", [120.0])
async def test_sap_may_still_be_at_work_so_it_is_not_asked_again_at_once(case: Sales, simulated: Simulated) -> None:
    """The creation arrives after we looked whether it did."""
    await converted(case)
    simulated.door.faults = [None, "502"]
    with pytest.raises(SapDown):
        await send(case)
    with pytest.raises(Unsettled):
        await send(case)
    assert simulated.asked(f"POST {PARTNERS}") == 1
    simulated.system.insert(PARTNERS, {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme",
                                       "BusinessPartnerIDByExtSystem": external_id("lead")})  # fmt: skip
    await send(case)
    assert len(simulated.system.partners) == 1
    await case.sql("UPDATE sap.partners SET asked_at = now() - interval '121 seconds', partner = NULL")
    await converted(case, "other")
    await case.sql("INSERT INTO sap.partners (lead_id, asked_at) VALUES ('other', now() - interval '121 seconds')")
    await send(case, "other")
    assert len(simulated.system.partners) == 2


@pytest.mark.parametrize("settling_seconds", [120.0])
async def test_what_sap_refuses_can_be_corrected_and_sent_at_once(case: Sales, simulated: Simulated) -> None:
    await converted(case, email="nowhere")
    with pytest.raises(PermanentError, match="EmailAddress"):
        await send(case)
    await case.sql("UPDATE routing.leads SET lead = jsonb_set(lead, '{email}', '\"ana@acme.es\"')")
    await send(case)
    assert len(simulated.system.partners) == 1


async def test_a_partner_that_is_there_gets_what_it_lacks_and_keeps_what_people_wrote(
    case: Sales, simulated: Simulated
) -> None:
    number = simulated.system.insert(
        PARTNERS,
        {"BusinessPartnerCategory": "2", "OrganizationBPName1": "ACME S.L.", "BusinessPartnerIDByExtSystem": external_id("lead"),
         "to_BusinessPartnerAddress": [{"Country": "PT", "to_PhoneNumber": [{"PhoneNumber": "1"}]}],
         "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU01"}]},
    )["BusinessPartner"]  # fmt: skip
    simulated.system.writes.clear()
    await converted(case)
    await send(case)
    [partner], [address] = simulated.system.partners, records(simulated, "A_BusinessPartnerAddress")
    assert (partner["OrganizationBPName1"], address["Country"], address["CityName"]) == ("ACME S.L.", "PT", "Vigo")
    assert [one["EmailAddress"] for one in records(simulated, "A_AddressEmailAddress")] == ["ana@acme.es"]
    [phone] = records(simulated, "A_AddressPhoneNumber")
    assert phone["PhoneNumber"] == "1"
    assert {one["BusinessPartnerRole"] for one in records(simulated, "A_BusinessPartnerRole")} == {"FLCU01", "BUP002"}
    assert simulated.asked("POST $batch") == 1
    await send(case)  # nothing is left to do
    assert simulated.asked("POST $batch") == 1
    assert (await case.one("SELECT partner FROM sap.partners"))["partner"] == number


async def test_a_partner_without_anything_below_it_gets_all_of_it(case: Sales, simulated: Simulated) -> None:
    simulated.system.insert(PARTNERS, {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme",
                                       "BusinessPartnerIDByExtSystem": external_id("lead")})  # fmt: skip
    await converted(case)
    await send(case)
    [email] = records(simulated, "A_AddressEmailAddress")
    assert email["EmailAddress"] == "ana@acme.es"


async def test_a_role_that_ended_is_no_role(case: Sales, simulated: Simulated) -> None:
    await converted(case)
    await send(case)
    [role] = records(simulated, "A_BusinessPartnerRole")
    role["ValidTo"] = "/Date(1479945600000+0000)/"
    with pytest.raises(PermanentError):  # SAP has it once: a person prolongs it
        await send(case)


def meddle(simulated: Simulated, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else changes the partner each time after it was read, so many times."""
    batch, left = simulated.service.batch, list(range(times))

    def first(kind: str, content: bytes) -> tuple[str, bytes]:
        if left:
            simulated.system.edit(
                PARTNERS, simulated.system.partners[0]["BusinessPartner"], SearchTerm1=f"T{left.pop()}"
            )
        return batch(kind, content)

    monkeypatch.setattr(simulated.service, "batch", first)


async def test_who_was_quicker_is_read_again_a_few_times(
    case: Sales, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.system.insert(PARTNERS, {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme",
                                       "BusinessPartnerIDByExtSystem": external_id("lead")})  # fmt: skip
    await converted(case, product="Box")
    meddle(simulated, 2, monkeypatch)
    await send(case)
    assert simulated.system.partners[0]["SearchTerm2"] == "BOX"
    assert simulated.system.partners[0]["SearchTerm1"] == "T0"
    simulated.system.edit(PARTNERS, simulated.system.partners[0]["BusinessPartner"], SearchTerm2="")
    meddle(simulated, 99, monkeypatch)
    with pytest.raises(SystemConflict):
        await send(case)


async def test_an_id_that_somebody_took_away_is_given_back_and_two_with_it_are_asked_about(
    case: Sales, simulated: Simulated
) -> None:
    await converted(case)
    await send(case)
    [partner] = simulated.system.partners
    simulated.system.edit(PARTNERS, partner["BusinessPartner"], BusinessPartnerIDByExtSystem="")
    await send(case)
    [partner] = simulated.system.partners
    assert partner["BusinessPartnerIDByExtSystem"] == external_id("lead")
    simulated.system.insert(PARTNERS, {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme",
                                       "BusinessPartnerIDByExtSystem": external_id("lead")})  # fmt: skip
    with pytest.raises(PermanentError, match="2 business partners"):
        await send(case)


async def test_pauses_use_up_no_tries(case: Sales, simulated: Simulated) -> None:
    await converted(case)
    simulated.door.faults = ["429_later"]
    with pytest.raises(SapResting) as resting:
        await send(case)
    assert resting.value.retry_after == 7.0


async def test_leads_that_can_not_be_sent(case: Sales) -> None:
    await case.receive("new", {})
    await case.convert("new")
    with pytest.raises(TransientError, match="registered"):
        await send(case, "new")
    await converted(case, "nowhere", country=None)
    with pytest.raises(PermanentError, match="no country"):
        await send(case, "nowhere")
    await converted(case, "long", company="A very long name " * 20)
    with pytest.raises(PermanentError, match="company is longer") as error:
        await send(case, "long")
    assert "very long" not in str(error.value)
    with pytest.raises(PermanentError, match="names no lead"):
        await wiring.deliveries(case.resources)[CHANNEL](row(lead_id=7))  # type: ignore[arg-type]
    await case.convert("long", converted=False)  # taken back: nothing to do
    await send(case, "long")
    await send(case, "unknown")


async def test_a_long_name_goes_on_and_a_shorter_one_leaves_nothing(case: Sales, simulated: Simulated) -> None:
    name = "Vereinigte Werkstätten für Kunst und Handwerk zu München Aktiengesellschaft"
    await converted(case, company=name)
    await send(case)
    [partner] = simulated.system.partners
    assert " ".join(partner[f"OrganizationBPName{number}"] for number in (1, 2)) == name
    place = wiring.deliveries(case.resources)[CHANNEL].mapping.organisation  # type: ignore[attr-defined]
    always = place.model_copy(
        update={"fields": {"company": place.fields["company"].model_copy(update={"write": "always"})}}
    )
    assert always.changed({"company": "Kunst AG"}, partner) == {
        "OrganizationBPName1": "Kunst AG",
        "OrganizationBPName2": "",
    }
