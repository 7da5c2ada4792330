"""When a promise is reminded of, escalated and given up, in the rep's own working time; and who is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workers.follow_up.domain.follow_up import Plan, deadlines, outcome, working_time_before
from workers.office.calendar import WorkCalendar, office_calendar
from workers.office.promises import Promise
from workers.office.reps import Rep

PLAN = Plan("sales-reps", True, 120, 240, 510, "usual")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def calendar() -> WorkCalendar:
    """Weekdays from 09:00 to 17:30."""
    return office_calendar("UTC", "DE")


def test_a_reminder_comes_in_working_time_before(calendar: WorkCalendar) -> None:
    due = MONDAY + timedelta(hours=1)
    assert working_time_before(calendar, due, timedelta(minutes=120)) == datetime(2026, 2, 27, 16, 30, tzinfo=UTC)
    found = deadlines(calendar, PLAN, due, MONDAY - timedelta(days=10))
    assert found.remind_at == datetime(2026, 2, 27, 16, 30, tzinfo=UTC)
    assert found.escalate_at == MONDAY + timedelta(hours=5)
    assert found.give_up_at == datetime(2026, 3, 3, 10, 0, tzinfo=UTC)


def test_a_promise_for_soon_leaves_half_of_the_time_before_the_reminder(calendar: WorkCalendar) -> None:
    found = deadlines(calendar, PLAN, MONDAY + timedelta(minutes=10), MONDAY)
    assert found.remind_at == MONDAY + timedelta(minutes=5)


def test_what_is_over_already_counts_from_now(calendar: WorkCalendar) -> None:
    now = MONDAY + timedelta(days=1)
    found = deadlines(calendar, PLAN, MONDAY, now)
    assert (found.due_at, found.remind_at, found.escalate_at) == (MONDAY, now, now + timedelta(minutes=240))


@pytest.mark.parametrize(
    ("moment", "days", "expected"),
    [
        (MONDAY, 1, MONDAY + timedelta(days=1)),
        (MONDAY + timedelta(days=4), 1, MONDAY + timedelta(days=7)),  # over the weekend
        (datetime(2026, 12, 24, 10, tzinfo=UTC), 1, datetime(2026, 12, 28, 10, tzinfo=UTC)),  # over Christmas
        (MONDAY + timedelta(days=5), 2, MONDAY + timedelta(days=8)),  # from a Saturday
    ],
)
def test_working_days_later(calendar: WorkCalendar, moment: datetime, days: int, expected: datetime) -> None:
    assert calendar.add_working_days(moment, days) == expected


def test_working_days_keep_the_time_on_the_clock() -> None:
    friday = datetime(2026, 3, 27, 9, 0, tzinfo=UTC)  # Berlin's clocks go forward on the Sunday after
    assert office_calendar("Europe/Berlin", "DE").add_working_days(friday, 1) == datetime(2026, 3, 30, 8, tzinfo=UTC)


def test_a_weekend_is_no_absence_and_a_holiday_trip_is(calendar: WorkCalendar) -> None:
    def rep(working: WorkCalendar) -> Rep:
        return Rep("ana", "Ana", "ana@fairlead.example", "ana", True, ("dach",), "", working)

    saturday = MONDAY + timedelta(days=5)
    assert not rep(calendar).away(saturday)
    trip = calendar.with_absences([(MONDAY, MONDAY + timedelta(days=10))])
    assert rep(trip).away(saturday)
    assert rep(calendar.with_absences([(MONDAY, MONDAY + timedelta(days=2_000))])).away(saturday)


@pytest.mark.parametrize(
    ("choice", "hours", "state"),
    [("done", 0, "done"), ("done", 1, "late"), ("drop", 1, "dropped"), ("missed", 9, "missed")],
)
def test_how_it_ends(choice: str, hours: int, state: str) -> None:
    assert outcome(choice, MONDAY + timedelta(hours=hours), MONDAY) == state  # type: ignore[arg-type]  # the cases


def test_the_same_promise_has_the_same_id_in_any_time_zone() -> None:
    one = Promise("lead", "lead-1", "ana", "Eva", "call", MONDAY)
    assert (
        one.id == Promise("lead", "lead-1", "ana", "Eva", "call", datetime.fromisoformat("2026-03-02T10:00+01:00")).id
    )
    assert one.id == Promise("lead", "lead-1", "ana", "Eva", "call", MONDAY, note="please").id
    assert one.id != Promise("lead", "lead-1", "ana", "Eva", "mail", MONDAY).id
