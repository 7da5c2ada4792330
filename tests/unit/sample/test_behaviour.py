"""Simulated people decide as stated, the same way each time, and leave work for the newcomer."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from workers.lead_routing.domain.lead import normalise
from workers.sample.behaviour import (
    GROUP_OF,
    REJECT_REASONS,
    SLOWEST_SECONDS,
    Waiting,
    answer,
    correction,
    outcome_delay,
    touchable,
)
from workers.sample.leads import LeadSource
from workers.sample.organisation import accounts

NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)


def waiting(
    number: int, element_id: str, *, raw: Mapping[str, object] | None = None, suitable: str | None = "rep-1"
) -> Waiting:
    since = NOW + dt.timedelta(seconds=number)
    known = raw or {"name": "Ana Ruiz", "company": "Acme"}
    return Waiting(f"lead-{number:04}", number, element_id, since, 1, known, suitable)


def test_owners_accept_reject_and_stay_silent_in_the_stated_shares() -> None:
    given = [answer(waiting(i, "accept_lead"), seed=1) for i in range(4_000)]
    said = Counter("silent" if one.variables is None else one.variables["owner_response"] for one in given)
    assert said["accept"] / 4_000 == pytest.approx(0.8, abs=0.03)
    assert said["reject"] / 4_000 == pytest.approx(0.1, abs=0.02)
    assert said["silent"] / 4_000 == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("element_id", sorted(GROUP_OF))
def test_answers_take_seconds_to_minutes_and_never_change(element_id: str) -> None:
    for i in range(300):
        task = waiting(i, element_id)
        first = answer(task, seed=1)
        assert 0 < (first.at - task.since).total_seconds() <= SLOWEST_SECONDS
        assert answer(task, seed=1) == first


def test_a_lead_is_given_to_somebody_suitable_or_discarded() -> None:
    given = [answer(waiting(i, "triage_lead"), seed=1).variables for i in range(1_000)]
    outcomes = Counter(one["triage_outcome"] for one in given if one)
    assert outcomes["discard"] / 1_000 == pytest.approx(0.1, abs=0.03)
    assert all((one["chosen_owner"] == "rep-1") == (one["triage_outcome"] == "assign") for one in given if one)
    nobody = answer(waiting(1, "manager_decision", suitable=None), seed=1).variables
    assert nobody is not None
    assert nobody["manager_outcome"] == "discard"


def test_a_corrected_sample_lead_is_valid() -> None:
    source = LeadSource(1, accounts(1))
    faulty = [lead for lead in map(source.lead, range(3_000)) if lead.kind == "invalid"]
    assert faulty
    for lead in faulty:
        assert normalise(lead.body).problems
        given = correction(lead.body)
        if given["correction_outcome"] == "corrected":
            corrected = given["corrected"]
            assert isinstance(corrected, dict)
            assert not normalise(lead.body, corrected).problems


def test_the_newest_of_each_group_are_left_alone() -> None:
    tasks = [waiting(i, "triage_lead" if i % 2 else "correct_lead") for i in range(8)]
    tasks += [waiting(i, "accept_lead") for i in range(20, 30)]
    tasks.append(waiting(40, "manager_decision"))
    assert [task.process_instance_key for task in touchable(tasks, left_alone=3)] == [
        0,
        1,
        2,
        3,
        4,
        20,
        21,
        22,
        23,
        24,
        25,
        26,
    ]
    assert len(touchable(tasks, left_alone=0)) == len(tasks)


def test_outcomes_come_later_and_stay_put() -> None:
    delays = [outcome_delay(f"sample-1-{i:08}", 1) for i in range(500)]
    assert min(delays) >= dt.timedelta(seconds=15)
    assert delays == [outcome_delay(f"sample-1-{i:08}", 1) for i in range(500)]


def test_reasons_are_those_of_the_form() -> None:
    form = json.loads((Path(__file__).parents[3] / "forms" / "accept_lead.form").read_text())
    [field] = [component for component in form["components"] if component.get("key") == "reject_reason"]
    assert {value["value"] for value in field["values"]} == set(REJECT_REASONS)
