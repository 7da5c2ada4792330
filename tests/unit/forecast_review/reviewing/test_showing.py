"""What the forms of a review show."""

from __future__ import annotations

from typing import Any

import pytest

from workers.forecast_review.domain import showing
from workers.forecast_review.domain.history import Finding, Findings, RuleCount
from workers.forecast_review.domain.reviews import Change, Earlier, SegmentCase

HISTORY = {f"{year}-{month:02}": 100.0 * (year - 2016) for year in (2017, 2018) for month in range(1, 13)}


def case(**changed: Any) -> SegmentCase:
    given: dict[str, Any] = {
        "segment": "north/bread", "level": "product", "months": ["2019-01", "2019-02"], "base": [220.0, 210.5],
        "low": [200.0, None], "high": [240.0, None], "history": HISTORY, "former": {"2019-01": 215.0},
        "facts": {"share": 0.1, "total": 430.5, "champion": "theta", "uncertainty": 0.09, "mase": 0.8, "bias": None,
                  "change": -0.02, "surprise": None, "findings": 2, "why": ["level +3.0%"]},
        "need_why": "a tenth of the total", "earlier": None,
    }  # fmt: skip
    return SegmentCase(**given | changed)


def test_months_stand_beside_the_year_before_and_the_forecast_before() -> None:
    first, second = showing.month_rows(case())
    assert first == showing.MonthRow("2019-01", "220", "200 to 240", "200", "+10.0 %", "215")
    assert (second.interval, second.former) == ("-", "-")


def test_years_that_are_whole_then_the_months_ahead() -> None:
    rows = showing.year_rows(case(history=HISTORY | {"2016-12": 9.0}))
    assert [(row.year, row.total, row.growth) for row in rows] == [
        ("2017", "1,200", "-"),
        ("2018", "2,400", "+100.0 %"),
        ("Next 2 months", "430", "+7.6 %"),
    ]


def test_growth_is_not_told_where_the_year_before_is_not_known() -> None:
    rows = showing.year_rows(case(history={"2018-01": 200.0}))
    assert [row.growth for row in rows] == ["-"]


def test_facts_in_words_and_reasons_in_one_list() -> None:
    facts = {row.name: row.value for row in showing.fact_rows(case())}
    assert (facts["Share of the total"], facts["Half of the 80 % interval"]) == ("10.0 %", "± 9.0 %")
    assert facts["Change against the last version"] == "-2.0 %"
    assert facts["Bias in tests"] == "-"
    assert showing.why_text(case()) == "- A tenth of the total\n- Level +3.0%"


def test_what_was_changed_before_is_what_is_edited() -> None:
    earlier = Earlier(values={"2019-02": 250.123}, by="ana", state="rejected")
    found = showing.months_to_edit(case(earlier=earlier))
    assert [(one.month, one.value) for one in found] == [("2019-01", 220.0), ("2019-02", 250.12)]


def test_a_change_stands_beside_the_forecast() -> None:
    change = Change(values={"2019-02": 421.0}, percent=0.5, moved=0.5, amount=210.5, share_of_total=0.1)
    first, second = showing.changed_rows(case(), change)
    assert (first.changed, first.change) == ("220", "")
    assert (second.forecast, second.changed, second.change) == ("210", "421", "+100.0 %")


@pytest.mark.parametrize(
    ("segment", "words"),
    [("total", "Bakery, all of it"), ("north/bread", "north / bread"), ("*/bread", "all / bread")],
)
def test_segments_have_names_that_people_read(segment: str, words: str) -> None:
    assert showing.title(segment, "Bakery") == words


@pytest.mark.parametrize(("value", "words"), [(1234.56, "1,235"), (12.34, "12.3"), (1.234, "1.23"), (None, "-")])
def test_figures_have_the_decimals_that_they_deserve(value: float | None, words: str) -> None:
    assert showing.number(value, like=value or 0) == words


def test_findings_are_counted_and_shown() -> None:
    worst = Finding("north", None, "all_zero", "error", "nothing was sold", None, None)
    findings = Findings(1, 0, 0, 0, 0.25, 0.0, 0.125, (RuleCount("all_zero", 1),), (worst,))
    assert showing.findings_text(findings) == (
        "- All zero: 1\n- 25% of the segments are affected, 0% in the newest year; a rule would repair 12.5% of all months"
    )
    (row,) = showing.finding_rows(findings)
    assert (row["month"], row["value"], row["repaired"]) == ("all", "-", "-")
    assert showing.findings_text(None) == ""
    assert showing.finding_rows(None) == []


def test_who_sent_it_back_is_told_where_somebody_did() -> None:
    assert showing.sent_back_text([("Your change", None), ("Who had to approve", "too much")]) == (
        "- Who had to approve: too much"
    )


def test_the_whole_organisation_is_known_from_a_part() -> None:
    assert case().organisation_total == pytest.approx(4305.0)
    assert case(facts={"share": 0.0, "total": 0.0}).organisation_total == 0
