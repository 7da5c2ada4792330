"""Leads made uniform, and what is wrong with them said in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.lead_routing.domain.lead import Lead, email_key, normalise
from workers.lead_routing.domain.places import country_code, language_code
from workers.lead_routing.domain.text import clean, fold, fold_company

# The first example of a run loads Unicode's tables, and CLDR's: that is slow once, and says nothing about the rest.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.none() | st.text(max_size=40)
values = st.none() | st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.lists(st.integers())
raws = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "email": texts | st.emails() | st.sampled_from(["A.B+c@GMAIL.com", "mailto:X@Y.ORG", " info@ "]),
        "phone": texts | st.sampled_from(["+34 612 345 678", "(030) 1234567", "0049-30-1234567", "n/a", "٠١٢٣٤٥٦٧٨٩"]),
        "company": texts,
        "website": texts | st.sampled_from(["https://www.Acme.es/x?y", "acme.de", "http://gmail.com"]),
        "country": texts | st.sampled_from(["Spain", "DE", "usa", "Österreich", "Narnia"]),
        "language": texts | st.sampled_from(["es-MX", "German", "spa", "Klingon"]),
        "industry": values,
        "employees": values,
        "product": values,
        "job_level": values,
        "source": values,
        "channel": values,
        "message": values,
        "attributes": st.none() | st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    },
)


@patient
@given(raws)
def test_normalising_twice_is_normalising_once(raw: dict[str, Any]) -> None:
    once = normalise(raw)
    twice = normalise(asdict(once.lead))
    assert asdict(twice.lead) == asdict(once.lead)
    assert [p.field for p in twice.problems] == [p.field for p in once.problems]


@patient
@given(raws)
def test_a_lead_without_problems_can_be_reached_and_named(raw: dict[str, Any]) -> None:
    normalised = normalise(raw)
    lead = normalised.lead
    if not normalised.problems:
        assert lead.email or lead.phone
        assert lead.name or lead.company
        assert lead.country is None or (len(lead.country) == 2 and lead.country.isupper())
        assert lead.phone is None or (lead.phone[0] == "+" and lead.phone[1:].isdigit())


@patient
@given(st.text(max_size=60))
def test_folding_and_cleaning_are_idempotent(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert fold(fold(text)) == fold(text)
    assert fold_company(fold_company(text)) == fold_company(text)


@patient
@given(st.emails())
def test_an_email_key_is_its_own_key(email: str) -> None:
    assert email_key(email_key(email)) == email_key(email)


def test_a_lead_as_people_type_it() -> None:
    lead = normalise(
        {
            "name": "  ANA   MARÍA O'NEIL ",
            "email": "Ana.Ruiz+Promo@Acme.ES",
            "phone": "612 345 678",
            "company": "Acme S.L.",
            "country": "España",
            "language": "spanisch",
            "industry": "Public Sector",
            "employees": "1,200",
            "job_level": "C-level",
            "message": "Hello\r\n  there\x00",
        }
    )
    assert lead.problems == ()
    assert lead.lead == Lead(
        name="Ana María O'Neil",
        email="ana.ruiz+promo@acme.es",
        phone="+34612345678",
        company="Acme S.L.",
        domain="acme.es",
        country="ES",
        language="es",
        industry="public_sector",
        employees=1200,
        job_level="c_level",
        message="Hello\nthere",
    )


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ({"name": "Ana", "email": None, "phone": None}, ["email"]),
        ({"name": "Ana", "email": "info@"}, ["email"]),
        ({"name": "Ana", "email": "ask my assistant", "phone": "+34 612 345 678"}, ["email"]),
        ({"name": "Ana", "phone": "n/a"}, ["phone"]),
        ({"name": "Ana", "phone": "612 345 678"}, ["phone"]),
        ({"email": "a@b.co"}, ["name"]),
        ({"name": "", "company": None, "email": "a@b.co"}, ["name"]),
        ({"name": "Ana", "email": "a@b.co", "country": "Narnia"}, ["country"]),
        ({"name": "Ana", "email": "a@b.co", "phone": "n/a"}, []),
        ({"name": "Ana", "email": "a@b.co", "language": "Klingon"}, []),
        ({"company": "Acme", "phone": "0034 612 345 678", "country": "DE"}, []),
    ],
)
def test_what_is_wrong_is_said_for_the_field(raw: dict[str, Any], fields: list[str]) -> None:
    assert [p.field for p in normalise(raw).problems] == fields


def test_a_field_at_fault_keeps_its_text_for_the_person_who_mends_it() -> None:
    assert normalise({"name": "Ana", "email": "Info@"}).lead.email == "Info@"


def test_a_correction_overrules_clears_and_leaves() -> None:
    raw = {"name": "Ana", "email": "info@", "phone": "612345678", "company": "Acme"}
    corrected = {"name": None, "email": "", "country": "Spain", "source": "forged"}
    normalised = normalise(raw, corrected)
    assert normalised.problems == ()
    assert (normalised.lead.name, normalised.lead.email, normalised.lead.company) == (None, None, "Acme")
    assert normalised.lead.phone == "+34612345678"
    assert normalised.lead.source is None


def test_free_mail_names_no_company() -> None:
    assert normalise({"name": "Ana", "email": "ana@gmail.com"}).lead.domain is None
    assert normalise({"name": "Ana", "email": "ana@gmail.com", "website": "www.acme.es/"}).lead.domain == "acme.es"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("es", "ES"),
        ("USA", "US"),
        ("U.K.", "GB"),
        ("Deutschland", "DE"),
        ("Côte d'Ivoire", "CI"),
        ("EU", None),
        ("", None),
    ],
)
def test_countries(text: str, code: str | None) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize(
    ("text", "code"), [("es_MX", "es"), ("ger", "de"), ("Français", "fr"), ("suomi", "fi"), ("zz", None), ("", None)]
)
def test_languages(text: str, code: str | None) -> None:
    assert language_code(text) == code
