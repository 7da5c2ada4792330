"""Every decision table, evaluated by the engine: a table of cases, and grids that find gaps and overlaps."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from string import ascii_uppercase
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from tests.bindings import (
    attention_cases,
    forecast_cases,
    healing_cases,
    quota_cases,
    selling_cases,
    territory_cases,
)
from tests.bindings.conftest import Tables
from tests.bindings.models import Decision
from workers.healing.classes import ErrorClass
from workers.healing.model import SYMPTOMS, Ruling
from workers.healing.rules import DECISION
from workers.lead_routing.domain.routing import Paths, Routing
from workers.lead_routing.domain.score import Score
from workers.lead_routing.domain.upkeep import Verdict

Given = dict[str, Any]  # Any: JSON

LEAD: Given = {
    "name": None, "email": "a@example.com", "phone": None, "company": None, "domain": None, "country": None,
    "language": None, "industry": None, "employees": None, "product": None, "job_level": None, "source": None,
    "channel": None, "message": None, "attributes": {},
}  # fmt: skip
SCORE: Given = {
    "value": 0.5,
    "band": "warm",
    "reasons": [],
    "reasons_text": "",
    "model_version": "1",
    "source": "model",
}
ACCOUNT: Given = {"id": "a", "name": "A", "owner_id": "rep", "owner_name": "R", "match": "domain", "why": "…"}


def given(
    *, enrichment: Given | None = None, account: Given | None = None, score: Given | None = None, **lead: object
) -> Given:
    """What the tables read: a lead with the fields given, the rest unknown."""
    return {"lead": LEAD | lead, "enrichment": enrichment, "account": account, "score": SCORE | (score or {})}


def crm(employees: int | None = None, revenue: float | None = None, industry: str | None = None) -> Given:
    return {"employees": employees, "annual_revenue_eur": revenue, "industry": industry, "open_opportunities": 0}


def trained(*, better: bool = False, misses: bool = False, drifted: bool = False) -> Given:
    return {"challenger": {"better": better, "drift_remains": misses}, "drift": {"drifted": drifted}}


CASES: dict[str, list[tuple[Given, str, object]]] = (
    attention_cases.CASES
    | forecast_cases.CASES
    | selling_cases.CASES
    | territory_cases.CASES
    | quota_cases.CASES
    | healing_cases.CASES
    | {
        "lead_segment": [
            (given(employees=5000), "segment", "strategic"),
            (given(employees=10, enrichment=crm(revenue=1e9)), "segment", "strategic"),
            (given(employees=4999), "segment", "enterprise"),
            (given(enrichment=crm(revenue=1e9 - 1)), "segment", "enterprise"),
            (given(employees=1000), "segment", "enterprise"),
            (given(employees=999), "segment", "mid_market"),
            (given(employees=50, enrichment=crm(revenue=2e8)), "segment", "enterprise"),
            (given(employees=500, industry="banking"), "segment", "enterprise"),
            (given(employees=500, enrichment=crm(industry="Public_Sector")), "segment", "enterprise"),
            (given(employees=500, industry="software"), "segment", "mid_market"),
            (given(employees=499, industry="banking"), "segment", "mid_market"),
            (given(enrichment=crm(revenue=2e8 - 1)), "segment", "mid_market"),
            (given(employees=100), "segment", "mid_market"),
            (given(enrichment=crm(revenue=2e7)), "segment", "mid_market"),
            (given(enrichment=crm(revenue=2e7 - 1)), "segment", "small_business"),
            (given(employees=99), "segment", "small_business"),
            (given(), "segment", "small_business"),
            (given(employees=50, enrichment=crm(employees=6000)), "segment", "strategic"),
            (given(employees=50, enrichment=crm()), "segment", "small_business"),
        ],
        "lead_territory": [
            (given(country="US"), "territory", "namer"),
            (given(country="IE"), "territory", "uki"),
            (given(country="de"), "territory", "dach"),
            (given(country="ES"), "territory", "southern_europe"),
            (given(country="NL"), "territory", "nordics"),
            (given(country="KR"), "territory", "apac"),
            (given(country="BR"), "territory", None),
            (given(country=None), "territory", None),
        ],
        "required_skills": [
            (given(), "skill", ["core"]),
            (given(product="core"), "skill", ["core"]),
            (given(product="Analytics_Suite"), "skill", ["analytics"]),
            (given(product="planning"), "skill", ["planning"]),
            (given(product="integration"), "skill", ["integration"]),
            (given(product="planning_and_analytics"), "skill", ["analytics", "planning"]),
            (given(product="core", employees=2000), "skill", ["core", "enterprise_sales"]),
        ],
        "response_sla": [
            (given(employees=9000, score={"band": "hot"}), "accept_within", 10),
            (given(employees=9000, score={"band": "cold"}), "accept_within", 120),
            (given(employees=2000, score={"band": "hot"}), "accept_within", 10),
            (given(employees=2000, score={"band": "warm"}), "accept_within", 120),
            (given(employees=2000, score={"band": "cold"}), "accept_within", 240),
            (given(employees=200, score={"band": "hot"}), "accept_within", 10),
            (given(employees=200, score={"band": "cold"}), "accept_within", 240),
            (given(score={"band": "hot"}), "accept_within", 20),
            (given(score={"band": None}), "accept_within", 480),
        ],
        "assignment_mode": [
            (given(country="US", score={"source": "table"}), "auto", False),
            (given(country="US", score={"source": None}), "auto", False),
            (given(country="BR", account=ACCOUNT), "auto", False),
            (given(country="US", employees=9000, account=ACCOUNT), "auto", False),
            (given(country="US", account=ACCOUNT), "auto", True),
            (given(country="US", employees=2000, score={"band": "cold"}), "auto", False),
            (given(country="US", employees=2000, account=ACCOUNT, score={"band": "cold"}), "auto", True),
            (
                given(country="US", employees=2000, account=ACCOUNT | {"owner_id": None}, score={"band": "cold"}),
                "auto",
                False,
            ),
            (given(country="US"), "auto", True),
        ],
        "path_toggles": [
            (given(), "on", [True, True]),
            (given(source="List_Import", employees=5000), "on", [False, True, True]),
            (given(source="self_service"), "on", [False, True, True]),
            (given(source="self_service", employees=100), "on", [True, True]),
        ],
        "fallback_points": [
            (given(), "points", [0.25]),
            (given(source="Referral"), "points", [0.25, 0.25]),
            (given(source="partner"), "points", [0.15, 0.25]),
            (given(source="web_form"), "points", [0.1, 0.25]),
            (given(source="trade_show"), "points", [0.05, 0.25]),
            (given(source="cold_list"), "points", [-0.2, 0.25]),
            (given(source="unheard of"), "points", [0.25]),
            (given(job_level="c_level"), "points", [0.2, 0.25]),
            (given(job_level="manager"), "points", [0.1, 0.25]),
            (given(job_level="student"), "points", [-0.2, 0.25]),
            (given(attributes={"page_views": 10}), "points", [0.15, 0.25]),
            (given(attributes={"page_views": "3"}), "points", [0.05, 0.25]),
            (given(attributes={"page_views": 9}), "points", [0.05, 0.25]),
            (given(attributes={"page_views": 2}), "points", [0.25]),
            (given(attributes={"page_views": "many"}), "points", [0.25]),
            (given(employees=5, enrichment=crm(employees=1000)), "points", [0.1, 0.25]),
            (given(employees=999), "points", [0.05, 0.25]),
            (given(employees=100), "points", [0.05, 0.25]),
            (given(employees=99), "points", [0.25]),
        ],
        "fallback_band": [
            (given(source="referral", job_level="c_level"), "", "hot"),
            (given(source="web_form"), "", "warm"),  # 0.35, exactly
            (given(source="referral", job_level="manager"), "", "hot"),  # 0.6, exactly
            (given(source="cold_list", job_level="student"), "", "cold"),
        ],
        "scorer_verdict": [
            (trained(better=True), "replace", True),
            (trained(better=True, drifted=True), "replace", True),
            (trained(better=True), "keep", False),
            (trained(), "keep", True),
            (trained(misses=True), "keep", True),
            (trained(), "replace", False),
            (trained(better=True, misses=True), "replace", False),
            (trained(better=True, misses=True), "keep", False),
            (trained(drifted=True), "replace", False),
            (trained(drifted=True), "keep", False),
        ],
    }
)


def test_every_table_has_cases(decisions: Mapping[str, Decision]) -> None:
    assert set(CASES) == {decision.id for decision in decisions.values() if decision.rules}


@pytest.mark.parametrize("table", CASES)
async def test_cases(tables: Tables, decisions: Mapping[str, Decision], table: str) -> None:
    answers = await tables.all(table, [values for values, _, _ in CASES[table]])
    for number, ((_, output, expected), answer) in enumerate(zip(CASES[table], answers, strict=True), 1):
        assert pick(answer.output, output) == expected, f"case {number} of {table}"
    hit = {rule for answer in answers for rule in answer.matched[table]}
    assert hit == set(range(1, decisions[table].rules + 1)), "rules that no case needs"


async def test_segments_have_no_gap(tables: Tables) -> None:
    sizes = [None, 0, 99, 100, 499, 500, 999, 1000, 4999, 5000, 10**6]
    revenues = [None, 0, 2e7 - 1, 2e7, 2e8 - 1, 2e8, 1e9 - 1, 1e9]
    grid = [given(enrichment=crm(*row)) for row in product(sizes, revenues, [None, "software", "insurance"])]
    for values, answer in zip(grid, await tables.all("lead_segment", grid), strict=True):
        assert len(answer.matched["lead_segment"]) == 1, values["enrichment"]
        assert answer.output["why"]


async def test_territories_do_not_overlap(tables: Tables) -> None:
    countries = ["".join(pair) for pair in product(ascii_uppercase, repeat=2)]
    answers = await tables.all("lead_territory", [given(country=country) for country in countries])
    assert all(len(answer.matched["lead_territory"]) <= 1 for answer in answers)
    assert sum(answer.output is not None for answer in answers) == 27


async def test_bands_neither_overlap_nor_leave_gaps(tables: Tables) -> None:
    grid = [
        given(source=source, job_level=level, employees=size, attributes={"page_views": views})
        for source, level, size, views in product(
            [None, "referral", "partner", "web_form", "trade_show", "cold_list"],
            [None, "director", "manager", "student"], [None, 100, 1000], [None, 3, 10],
        )
    ]  # fmt: skip
    for answer in await tables.all("fallback_score", grid):
        assert len(answer.matched["fallback_band"]) == 1
        score = TypeAdapter(Score).validate_python(answer.output)
        assert 0 <= score.value <= 1
        assert score.source == "table"
        assert score.reasons_text.startswith("- ")


@pytest.mark.slow
async def test_routing_is_always_whole(tables: Tables) -> None:
    grid = [
        given(country=country, employees=size, product=wish, account=account, score={"band": band, "source": source})
        for country, size, wish, account, band, source in product(
            [None, "US", "BR"], [None, 200, 2000, 9000], [None, "planning"], [None, ACCOUNT],
            [None, "hot", "warm", "cold"], ["model", "table"],
        )
    ]  # fmt: skip
    answers = await tables.all(
        "routing_decision", [*grid, {}, dict.fromkeys(("lead", "account", "enrichment", "score"))]
    )
    for answer in answers:
        routing = TypeAdapter(Routing).validate_python(answer.output)
        assert set(answer.output) == set(Routing.__dataclass_fields__)
        assert len(answer.matched["response_sla"]) == len(answer.matched["assignment_mode"]) == 1
        assert routing.skills
        assert len(routing.why_text.splitlines()) == len(routing.why) >= 5
        for sla in (routing.triage_sla, routing.manager_sla):
            assert 0 < sla.remind < sla.due < sla.escalate
        assert 0 < routing.accept_sla.remind < routing.accept_sla.due


async def test_the_first_row_of_a_path_counts_and_none_means_on(tables: Tables) -> None:
    rows = [given(source=source) for source in (None, "list_import", "self_service")]
    paths = [TypeAdapter(Paths).validate_python(one.output) for one in await tables.all("lead_paths", [*rows, {}])]
    assert [(one.model_scoring, one.owner_acceptance, len(one.why)) for one in paths] == [
        (True, True, 0), (False, True, 1), (True, False, 1), (True, True, 0),
    ]  # fmt: skip
    (routed,) = await tables.all("routing_decision", rows[1:2])
    assert routed.output["why"][-1] == paths[1].why[0], "people read why a path is off"


async def test_a_new_model_is_never_both_used_and_left(tables: Tables) -> None:
    grid = [
        trained(better=better, misses=misses, drifted=drifted)
        for better, misses, drifted in product([True, False], repeat=3)
    ]
    for answer in await tables.all("scorer_verdict", grid):
        verdict = TypeAdapter(Verdict).validate_python(answer.output)
        assert not (verdict.replace and verdict.keep)
        assert verdict.why


@pytest.mark.slow
async def test_whatever_goes_wrong_a_rule_can_be_carried_out(tables: Tables) -> None:
    grid = [
        healing_cases.trouble(symptom, error_class=kind, about=about, others_done=done, deployed_since=deployed,
                              attempts=attempts, value=value)
        for symptom, kind, about, done, deployed, attempts, value in product(
            SYMPTOMS, ["", *get_args(ErrorClass)], ["", "crm", "erp", "mail"], [True, False], [True, False], [0, 12], [0, 9]
        )
    ]  # fmt: skip
    for given_, answer in zip(grid, await tables.all(DECISION, grid), strict=True):
        ruling = Ruling.model_validate(answer.output)
        assert ruling.action in {"wait", "none"} or (ruling.per_case and ruling.per_hour), given_
        if given_["trouble"]["error_class"] in {"defect", "poison"} and given_["trouble"]["symptom"] == "incident":
            assert ruling.action == "none"


async def test_what_an_outage_left_is_tried_thrice_within_ten_minutes(tables: Tables) -> None:
    for one in (healing_cases.trouble(about="crm"), healing_cases.trouble(), healing_cases.letter("crm.lead")):
        tries = [{"trouble": one["trouble"] | {"attempts": attempts}} for attempts in range(3)]
        assert sum(answer.output["pause"] for answer in await tables.all(DECISION, tries)) < 600


async def test_rules_name_their_version(tables: Tables, decisions: Mapping[str, Decision]) -> None:
    (answer,) = await tables.all("routing_decision", [given()])
    assert answer.output["rules"] == f"lead_routing_rules {decisions['routing_decision'].version_tag}"


def pick(output: Any, name: str) -> object:  # Any: JSON
    """The output of that name, of each rule that matched; without a name the whole output."""
    if not name or output is None:
        return output
    return [one[name] for one in output] if isinstance(output, list) else output[name]
