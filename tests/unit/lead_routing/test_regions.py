"""Whose a lead is, where several installations share a CRM."""

from __future__ import annotations

import pytest

from workers.lead_routing.domain.regions import region_elsewhere
from workers.settings import Regions

DIVIDED = {"countries": {"north": ["DE", "DK"], "alps": ["AT"]}, "otherwise": "alps"}


@pytest.mark.parametrize(
    ("country", "region"),
    [("DE", "north"), (" dnk ", "north"), ("Deutschland", "north"), ("Austria", "alps"), ("BR", "alps"), ("Atlantis", "alps"),
     ("", "alps"), (None, "alps")],
)  # fmt: skip
def test_a_lead_is_exactly_one_regions(country: str | None, region: str) -> None:
    lead = {"source": "web_form", "country": country}
    said = {
        name: region_elsewhere(lead, Regions.model_validate({"here": name, **DIVIDED}).elsewhere)
        for name in ("north", "alps")
    }
    assert said == {name: None if name == region else region for name in said}


def test_where_nothing_is_divided_all_leads_are_ours() -> None:
    for regions in (Regions(), Regions(here="north")):
        assert region_elsewhere({"country": "DE"}, regions.elsewhere) is None


def test_a_country_that_is_no_text_is_refused_here_for_that() -> None:
    assert region_elsewhere({"country": 49}, Regions.model_validate({"here": "north", **DIVIDED}).elsewhere) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"countries": {"north": ["DE"]}, "here": "north"}, "OTHERWISE"),
        ({"countries": {"north": ["DE"]}, "otherwise": "alps"}, "HERE"),
        ({"countries": {"north": ["DE"]}, "otherwise": "alps", "here": "south"}, "HERE"),
        ({"countries": {"north": ["DE"], "alps": ["DE"]}, "otherwise": "alps", "here": "north"}, "DE is listed twice"),
        ({"countries": {"north": ["Germany"]}, "otherwise": "north", "here": "north"}, "two capital letters"),
        ({"countries": {"The North": ["DE"]}, "otherwise": "alps", "here": "alps"}, "small letters"),
        ({"here": "north", "otherwise": "north", "gateways": {"alps": "https://x.example"}}, "gateway of 'alps'"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Regions.model_validate(given)
