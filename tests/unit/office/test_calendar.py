"""Working time: against a plain minute-by-minute count, over daylight saving, and where there is none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workers.office.calendar import (
    WEEKDAYS,
    CalendarError,
    NeverAtWork,
    Presence,
    WorkCalendar,
    parse_hours,
    public_holidays,
    work_calendar,
)

OFFICE = {day: [["09:00", "12:30"], ["13:30", "17:30"]] for day in WEEKDAYS[:5]}
unhurried = settings(deadline=None)  # the machine may be busy with something else
ZONES = ["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"]


def local(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone))  # type: ignore[misc, arg-type]  # a datetime's parts, in order


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    """Week patterns in quarter hours, in zones with several kinds of daylight saving, with holidays and absences."""
    hours: list[tuple[tuple[int, int], ...]] = []
    for _ in WEEKDAYS:
        cuts = sorted(draw(st.sets(st.integers(0, 96), max_size=4)))
        hours.append(tuple((a * 15, b * 15) for a, b in zip(cuts[::2], cuts[1::2], strict=False)))
    if not any(hours):
        hours[draw(st.integers(0, 6))] = ((540, 1020),)
    days = st.dates(date(2026, 3, 1), date(2026, 12, 31))
    lengths = st.integers(1, 20_000).map(lambda count: timedelta(minutes=count))
    absences = [(start, start + draw(lengths)) for start in draw(st.lists(moments(), max_size=3))]
    free = frozenset(draw(st.lists(days, max_size=5)))
    return WorkCalendar(ZoneInfo(draw(st.sampled_from(ZONES))), tuple(hours), free).with_absences(absences)


def moments() -> st.SearchStrategy[datetime]:
    """Whole minutes, many of them in the weeks in which clocks change."""
    changes = st.sampled_from(
        [
            datetime(2026, 3, 8, tzinfo=UTC),
            datetime(2026, 3, 29, tzinfo=UTC),
            datetime(2026, 4, 5, tzinfo=UTC),
            datetime(2026, 9, 6, tzinfo=UTC),
            datetime(2026, 10, 25, tzinfo=UTC),
        ]
    )
    near = st.builds(lambda day, minutes: day + timedelta(minutes=minutes), changes, st.integers(-3000, 3000))
    anywhere = st.builds(
        lambda minutes: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minutes), st.integers(0, 400_000)
    )
    return st.one_of(near, anywhere)


minutes = st.integers(0, 3000).map(lambda count: timedelta(minutes=count))


def working_minutes(calendar: WorkCalendar, start: datetime, end: datetime) -> int:
    """The plain count that everything is held against."""
    whole = int((end - start).total_seconds() // 60)
    return sum(calendar.is_at_work(start + timedelta(minutes=step)) for step in range(whole))


@unhurried
@given(calendars(), moments(), st.integers(1, 600))
@pytest.mark.slow
def test_added_time_is_what_a_minute_by_minute_count_gives(
    calendar: WorkCalendar, moment: datetime, count: int
) -> None:
    reached = calendar.add_working_time(moment, timedelta(minutes=count))
    if reached - moment < timedelta(days=40):  # the plain count is slow
        assert working_minutes(calendar, moment, reached) == count
    assert calendar.is_at_work(reached - timedelta(minutes=1)), "the last minute is worked"


@unhurried
@given(calendars(), moments(), minutes, minutes)
def test_adding_twice_is_adding_the_sum(
    calendar: WorkCalendar, moment: datetime, first: timedelta, second: timedelta
) -> None:
    stepwise = calendar.add_working_time(calendar.add_working_time(moment, first), second)
    assert stepwise == calendar.add_working_time(moment, first + second)


@unhurried
@given(calendars(), moments(), moments(), minutes)
def test_who_starts_later_ends_not_earlier(
    calendar: WorkCalendar, one: datetime, other: datetime, duration: timedelta
) -> None:
    early, late = sorted([one, other])
    assert calendar.add_working_time(early, duration) <= calendar.add_working_time(late, duration)


@unhurried
@given(calendars(), moments())
def test_next_start_is_the_first_working_minute(calendar: WorkCalendar, moment: datetime) -> None:
    start = calendar.next_start(moment)
    assert start >= moment
    assert calendar.is_at_work(start)
    if timedelta(0) < start - moment < timedelta(days=40):
        assert working_minutes(calendar, moment, start) == 0


@unhurried
@given(calendars(), moments())
def test_at_work_is_what_the_clock_on_the_wall_says(calendar: WorkCalendar, moment: datetime) -> None:
    wall = moment.astimezone(calendar.timezone)
    # Where clocks show a time twice the first one counts, which the plain reading below does not know.
    assume(all(_read_once(wall + timedelta(minutes=step)) for step in range(-180, 181, 15)))
    count = wall.hour * 60 + wall.minute
    in_hours = any(start <= count < end for start, end in calendar.hours[wall.weekday()])
    away = any(start <= moment < end for start, end in calendar.absences)
    assert calendar.is_at_work(moment) == (in_hours and not away and wall.date() not in calendar.holidays)


def _read_once(wall: datetime) -> bool:
    return wall.replace(fold=0).utcoffset() == wall.replace(fold=1).utcoffset() or not _exists(wall)


def _exists(wall: datetime) -> bool:
    return wall.astimezone(UTC).astimezone(wall.tzinfo).replace(tzinfo=None) == wall.replace(tzinfo=None)


@unhurried
@given(calendars(), moments())
def test_nobody_absent_or_on_holiday_is_at_work(calendar: WorkCalendar, moment: datetime) -> None:
    if any(start <= moment < end for start, end in calendar.absences):
        assert calendar.presence(moment) is Presence.ABSENT
    elif calendar.local_day(moment) in calendar.holidays:
        assert calendar.presence(moment) is Presence.PUBLIC_HOLIDAY


def test_hour_skipped_by_daylight_saving_is_not_worked() -> None:
    night = work_calendar("Europe/Madrid", {"sun": [["01:00", "05:00"]]}, "ES")
    start = local("Europe/Madrid", 2026, 3, 29, 1, 0)  # clocks go from 02:00 to 03:00
    assert night.add_working_time(start, timedelta(hours=3)) == local("Europe/Madrid", 2026, 3, 29, 5, 0)


def test_hour_that_comes_twice_is_worked_twice() -> None:
    night = work_calendar("Europe/Madrid", {"sun": [["01:00", "05:00"]]}, "ES")
    start = local("Europe/Madrid", 2026, 10, 25, 1, 0)  # clocks go from 03:00 back to 02:00
    assert night.add_working_time(start, timedelta(hours=5)) == local("Europe/Madrid", 2026, 10, 25, 5, 0)


def test_hours_that_do_not_exist_that_day_are_none() -> None:
    night = work_calendar("Europe/Madrid", {"sun": [["02:15", "02:45"]]}, "ES")
    saturday = local("Europe/Madrid", 2026, 3, 28, 12, 0)
    assert night.next_start(saturday) == local("Europe/Madrid", 2026, 4, 5, 2, 15)


def test_hours_that_begin_in_the_skipped_hour_begin_at_the_change() -> None:
    night = work_calendar("Europe/Madrid", {"sun": [["02:30", "04:00"]]}, "ES")
    assert night.next_start(local("Europe/Madrid", 2026, 3, 29, 0, 0)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_deadline_passes_over_night_weekend_and_holiday() -> None:
    calendar = work_calendar("Europe/Berlin", OFFICE, "DE")
    thursday = local("Europe/Berlin", 2026, 4, 2, 17, 0)  # before Good Friday and Easter Monday
    due = calendar.deadlines(thursday, {"remind": 30, "due": 60})
    assert due["remind"] == local("Europe/Berlin", 2026, 4, 2, 17, 30)
    assert due["due"] == local("Europe/Berlin", 2026, 4, 7, 9, 30)


def test_a_day_may_end_at_midnight_and_go_on() -> None:
    shift = work_calendar("UTC", {"mon": [["22:00", "24:00"]], "tue": [["00:00", "06:00"]]}, "US")
    monday = datetime(2026, 11, 16, 23, 0, tzinfo=UTC)
    assert shift.add_working_time(monday, timedelta(hours=3)) == datetime(2026, 11, 17, 2, 0, tzinfo=UTC)
    assert shift.next_midnight(monday) == datetime(2026, 11, 17, tzinfo=UTC)


def test_never_at_work_is_said() -> None:
    with pytest.raises(NeverAtWork, match="370 days"):
        work_calendar("UTC", {}, "US").next_start(datetime(2026, 1, 1, tzinfo=UTC))


def test_absence_for_good_is_never_at_work() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    away = work_calendar("UTC", OFFICE, "US").with_absences([(start, start + timedelta(days=4000))])
    with pytest.raises(NeverAtWork):
        away.add_working_time(start, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({"mon": [["22:00", "06:00"]]}, "over midnight"),
        ({"monday": []}, "unknown day 'monday'"),
        ({"mon": [["9 o'clock", "17:00"]]}, "no time such as"),
        ({"mon": [["09:00"]]}, "pairs"),
        ({"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}, "overlap"),
        ([["09:00", "17:00"]], "by weekday"),
        ({"mon": [9]}, "pairs"),
    ],
)
def test_hours_that_make_no_sense_are_refused(hours: dict[str, list[list[str]]], said: str) -> None:
    with pytest.raises(CalendarError, match=said):
        parse_hours(hours)


@pytest.mark.parametrize(("zone", "country"), [("Mars/Olympus", "DE"), ("UTC", "XX"), ("UTC", "DE-XX"), ("", "DE")])
def test_unknown_places_are_refused(zone: str, country: str) -> None:
    with pytest.raises(CalendarError, match="not known"):
        work_calendar(zone, OFFICE, country)


def test_part_of_a_country_has_its_own_holidays() -> None:
    epiphany = date(2027, 1, 6)
    assert epiphany in public_holidays("DE-BY")
    assert epiphany not in public_holidays("DE")


def test_naive_times_and_senseless_durations_are_refused() -> None:
    calendar = work_calendar("UTC", OFFICE, "US")
    with pytest.raises(CalendarError, match="no time zone"):
        calendar.next_start(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the case tested
    for wrong in (timedelta(minutes=-1), timedelta(days=1000)):
        with pytest.raises(CalendarError, match="between 0 and"):
            calendar.add_working_time(datetime(2026, 1, 1, tzinfo=UTC), wrong)
