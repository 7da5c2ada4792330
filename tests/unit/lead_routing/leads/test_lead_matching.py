"""Which account a lead belongs to."""

from __future__ import annotations

import pytest

from tests.unit.lead_routing.leads.casework import Casework
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import CrmAccount, domains_of, match_account
from workers.lead_routing.tasks.enrich_lead import CrmUnavailable

ACME = CrmAccount("a1", "ACME Ibérica, S.A.", "acme.es", "ES", "+34 91 555 10 10", "ana", "Ana")


@pytest.mark.parametrize(
    ("lead", "match"),
    [
        (Lead(email="x@acme.es"), "domain"),
        (Lead(email="x@mail.acme.es"), "domain"),
        (Lead(domain="acme.es", email="x@gmail.com"), "domain"),
        (Lead(company="acme iberica", country="ES"), "name"),
        (Lead(company="Acme Iberica", country="PT"), None),
        (Lead(company="Acme Iberica"), None),
        (Lead(phone="+34915551010"), "phone"),
        (Lead(email="x@notacme.es"), None),
        (Lead(name="Nobody"), None),
    ],
)
def test_rules(lead: Lead, match: str | None) -> None:
    account = match_account(lead, [ACME])
    assert (account.match if account else None) == match


def test_a_free_mail_domain_never_matches() -> None:
    gmail = CrmAccount("g", "Gmail", "gmail.com", "US", None, "ana", "Ana")
    assert match_account(Lead(email="x@gmail.com"), [gmail]) is None
    assert domains_of(Lead(email="x@gmail.com")) == ()


def test_the_most_exact_domain_wins_then_who_has_an_owner() -> None:
    group = CrmAccount("a", "Group", "acme.com", None, None, "ana", "Ana")
    branch = CrmAccount("b", "Branch", "es.acme.com", None, None, None, None)
    orphan = CrmAccount("0", "Orphan", "acme.com", None, None, None, None)
    found = match_account(Lead(email="x@es.acme.com"), [group, branch])
    assert found is not None
    assert found.id == "b"
    found = match_account(Lead(email="x@acme.com"), [orphan, group])
    assert found is not None
    assert found.id == "a"


async def add_account(case: Casework) -> None:
    await case.sql(
        """INSERT INTO crm.accounts (id, name, domain, country, industry, employees, annual_revenue_eur, phone,
               owner_id, open_opportunities)
           VALUES ('a1', 'ÁCME Ibérica, S.A.', 'Acme.es', 'ES', 'retail', 120, 5e6, '+34 91 555 10 10', 'ana', 2)"""
    )


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        ({"name": "X", "email": "x@acme.es"}, "domain"),
        ({"company": "Ácme Iberica", "country": "Spain", "email": "x@gmail.com"}, "name"),
        ({"name": "X", "phone": "+34 915551010"}, "phone"),
    ],
)
async def test_match_and_enrich(case: Casework, raw: dict[str, str], match: str) -> None:
    await add_account(case)
    registered = await case.register("lead", raw)
    account = (await case.run("match_account", lead_id="lead", lead=registered["lead"]))["account"]
    assert (account["id"], account["owner_id"], account["owner_name"], account["match"]) == ("a1", "ana", "Ana", match)
    assert (await case.lead("lead"))["account_id"] == "a1"
    enrichment = (await case.run("enrich_lead", lead_id="lead", lead=registered["lead"], account=account))["enrichment"]
    assert enrichment == {
        "employees": 120,
        "annual_revenue_eur": 5e6,
        "industry": "retail",
        "open_opportunities": 2,
    }


async def test_without_an_account_nothing_is_known(case: Casework) -> None:
    lead = (await case.register("lead", {"name": "X", "email": "x@nowhere.org"}))["lead"]
    assert await case.run("match_account", lead_id="lead", lead=lead) == {"account": None}
    assert await case.run("enrich_lead", lead_id="lead", lead=lead, account=None) == {"enrichment": None}


async def test_a_crm_that_does_not_answer_is_a_business_error_within_its_time_out(case: Casework) -> None:
    lead = (await case.register("lead", {"name": "X", "email": "x@acme.es"}))["lead"]
    account = {"id": "a1", "name": "A", "owner_id": None, "owner_name": None, "match": "domain", "why": ""}
    # Somebody in the CRM holds the table: it takes the question and does not answer.
    async with case.resources.pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE crm.accounts IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(CrmUnavailable):
            await case.run("enrich_lead", lead_id="lead", lead=lead, account=account)
    await add_account(case)
    assert (await case.run("enrich_lead", lead_id="lead", lead=lead, account=account))["enrichment"]["employees"] == 120
