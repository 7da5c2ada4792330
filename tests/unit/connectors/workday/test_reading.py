"""Reports that can't be right, and rows that can't be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.workday.tenant import ABSENCES, WORKERS, Tenant
from workers.connectors import mapping
from workers.connectors.roster.values import Roster, RosterRefused, sound
from workers.connectors.workday.client import Report
from workers.connectors.workday.mapping import FieldMapping
from workers.connectors.workday.reading import roster
from workers.connectors.workday.rows import Rows


def read(tenant: Tenant, **changed: Any) -> Roster:
    columns = mapping.load(FieldMapping, None).model_copy(update=changed)

    def ran(name: str, wanted: Any) -> Report:
        rows = Rows(name, list(wanted))
        for entry in tenant.reports[name].shown()["Report_Entry"]:
            rows._keep(entry)
        return Report(name, tuple(rows.found), frozenset(rows.columns), 1, 0.1)

    return roster(columns, ran(WORKERS, columns.of_workers.values()), ran(ABSENCES, columns.of_absences.values()))


@pytest.fixture
def tenant() -> Tenant:
    made = Tenant()
    made.hire("1", "Maria Costa")
    made.hire("2", "Ana Ruiz", "1", Hire_Date="2026-11-01-08:00", Languages=("Spanish", "English"))
    return made


def test_a_row_becomes_a_worker(tenant: Tenant) -> None:
    found = read(tenant)
    sound(found)
    assert found.workers[1].facts == {
        "name": "Ana Ruiz",
        "email": "ana@example.com",
        "manager": "1",
        "hired": "2026-11-01",
        "languages": ["en", "es"],
    }
    assert (list(found.notes), found.faults) == ([], [])


def two_rows_that_differ(tenant: Tenant) -> None:
    tenant.hire("2", "Ana Ruiz-Soto", "1", Work_Email="ana@example.com", Hire_Date="2026-11-01")


def two_managers_in_two_rows(tenant: Tenant) -> None:
    tenant.workers.append({**tenant.worker("2"), "Manager_ID": "3"})


def two_managers_in_one_cell(tenant: Tenant) -> None:
    tenant.worker("2")["Manager_ID"] = ("1", "3")


def a_circle_of_managers(tenant: Tenant) -> None:
    tenant.hire("3", "Ben Soto", "2")
    tenant.worker("1")["Manager_ID"] = "3"


def an_own_manager(tenant: Tenant) -> None:
    tenant.worker("1")["Manager_ID"] = "1"


def one_address_for_two(tenant: Tenant) -> None:
    tenant.hire("3", "Ana Mora", "1")


def nobody_s_row(tenant: Tenant) -> None:
    tenant.hire("", "Ben Soto")


def nobody_at_all(tenant: Tenant) -> None:
    tenant.workers.clear()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (two_rows_that_differ, "the worker 2 is there 2 times, with different values"),
        (two_managers_in_two_rows, "the worker 2 has 2 managers"),
        (two_managers_in_one_cell, "the worker 2 has 2 managers"),
        (a_circle_of_managers, "1 → 3 → 2 → 1 are managers of each other in a circle"),
        (an_own_manager, "1 → 1 are managers of each other in a circle"),
        (one_address_for_two, "the workers 2, 3 have the same e-mail address"),
        (nobody_s_row, "1 rows have no usable Employee_ID"),
        (nobody_at_all, "no worker at all"),
    ],
)
def test_a_report_that_can_not_be_right_is_refused_whole(tenant: Tenant, wrong: Any, words: str) -> None:
    wrong(tenant)
    with pytest.raises(RosterRefused, match=words) as raised:
        sound(read(tenant))
    assert "example.com" not in str(raised.value)  # an operator's mail has no personal data


def test_the_same_row_twice_is_one_worker(tenant: Tenant) -> None:
    tenant.workers.append(dict(tenant.worker("2")))
    found = read(tenant)
    sound(found)
    assert len(found.workers) == 2


def test_what_can_not_be_read_of_one_is_told_and_leaves_the_others(tenant: Tenant) -> None:
    tenant.hire("3", "Ben Soto", "1", Work_Email="ben at example")
    tenant.hire("4", "Eva Prat", "9", Hire_Date="soon")
    tenant.hire("5", "Dani Mora", "9", Languages=("Klingon", "Spanish"))
    for first, last, who, substitute in (
        ("2026-12-01", "2026-11-01", "2", ""),
        ("", "2026-11-01", "2", ""),
        ("2026-12-01", "2026-12-02", "77", ""),
        ("2026-12-01", "", "2", "2"),
    ):
        tenant.absences.append({"Employee_ID": who, "First_Day": first, "Last_Day": last, "Substitute_ID": substitute})
    found = read(tenant)
    sound(found)
    assert found.unread == {"3", "4"}
    told = " ".join(found.notes)
    for words in (
        *("no e-mail address in Work_Email", "Hire_Date is no day", "manager of the worker 5 is in no row"),
        *("`values` in the mapping does not translate", "ends before it begins", "no day in First_Day"),
        *("no such worker", "substitute of the worker 2 is nobody else"),
    ):
        assert words in told
    assert "manager" not in found.workers[-1].facts
    assert found.workers[-1].facts["languages"] == ["es"]
    [left] = found.absences or ()
    assert (left.employee_id, left.last, left.substitute_id) == ("2", None, None)
