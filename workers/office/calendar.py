"""Working time: when a person is at work, when next, and when a number of working minutes will have passed.

Everything is computed on absolute (UTC) stretches, so that a day of 23 or 25 hours counts as long as it is. Wall-clock times that
daylight saving makes special (PEP 495): one that does not exist is moved to the instant of the change, one twice is the first.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SEARCH_DAYS = 370
"""How far ahead working time is looked for: a year and a few days."""
LONGEST_WAIT = timedelta(days=366)
"""The longest working time that can be added."""
MINUTES_A_DAY = 24 * 60

Stretch = tuple[datetime, datetime]
"""A half-open stretch of time [start, end), both UTC."""
Hours = tuple[tuple[tuple[int, int], ...], ...]
"""For each weekday from Monday, half-open stretches in minutes from local midnight."""

OFFICE_HOURS = dict.fromkeys(WEEKDAYS[:5], (("09:00", "17:30"),))
"""Working hours of teams and other groups of people; see `parse_hours`."""


class CalendarError(ValueError):
    """A calendar or a question to it makes no sense."""


class NeverAtWork(CalendarError):
    """There is no working time within the horizon."""


class Presence(StrEnum):
    """Where a person is at a moment."""

    AT_WORK = "at work"
    OUT_OF_HOURS = "out of hours"
    PUBLIC_HOLIDAY = "public holiday"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """One person's (or team's) working time.

    Attributes:
        timezone: where the working hours are read on the clock.
        hours: see `parse_hours`.
        holidays: the dates that are free; anything that answers ``date in …``, see `public_holidays`.
        absences: stretches away from work.
    """

    timezone: ZoneInfo
    hours: Hours
    holidays: Container[date] = frozenset()
    absences: tuple[Stretch, ...] = ()

    def presence(self, moment: datetime) -> Presence:
        """Where the person is at `moment` (aware); an absence goes before anything else."""
        moment = _utc(moment)
        if any(start <= moment < end for start, end in self.absences):
            return Presence.ABSENT
        if self.local_day(moment) in self.holidays:
            return Presence.PUBLIC_HOLIDAY
        if any(start <= moment < end for start, end in self._around(moment)):
            return Presence.AT_WORK
        return Presence.OUT_OF_HOURS

    def is_at_work(self, moment: datetime) -> bool:
        """Whether `moment` (aware) is working time."""
        return self.presence(moment) is Presence.AT_WORK

    def next_start(self, moment: datetime) -> datetime:
        """The first instant at work that is not before `moment`, in UTC; `moment` itself if it is working time.

        Raises:
            NeverAtWork: none within `SEARCH_DAYS`.
        """
        return next(self._from(_utc(moment)))[0]

    def add_working_time(self, moment: datetime, duration: timedelta) -> datetime:
        """The instant at which `duration` of working time has passed since `moment`, in UTC.

        A day's work that is just used up ends at closing time, not at the next opening. No duration adds nothing.

        Raises:
            NeverAtWork: no working time within `SEARCH_DAYS` of the last one.
            CalendarError: `duration` is negative or longer than `LONGEST_WAIT`.
        """
        if not timedelta(0) <= duration <= LONGEST_WAIT:
            raise CalendarError(f"Working time to add must lie between 0 and {LONGEST_WAIT.days} days, not {duration}.")
        reached = _utc(moment)
        if not duration:
            return reached
        for start, end in self._from(reached):
            if duration <= end - start:
                return start + duration
            duration -= end - start
        raise NeverAtWork  # pragma: no cover - `_from` never ends without raising

    def add_working_days(self, moment: datetime, days: int) -> datetime:
        """The same local time of day so many days with working time later, in UTC.

        Raises:
            NeverAtWork: no working time within `SEARCH_DAYS` of the last one.
        """
        local = _utc(moment).astimezone(self.timezone)
        while days:
            local += timedelta(days=1)
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
            days -= self.local_day(self.next_start(midnight)) == local.date()
        return local.astimezone(UTC)

    def deadlines(self, moment: datetime, minutes: Mapping[str, float]) -> dict[str, datetime]:
        """For each name the instant at which that many working minutes have passed since `moment`, in UTC."""
        return {name: self.add_working_time(moment, timedelta(minutes=count)) for name, count in minutes.items()}

    def with_absences(self, absences: Iterable[Stretch]) -> WorkCalendar:
        """The same calendar with these stretches (aware) away from work and no others."""
        return replace(self, absences=_merged(absences))

    def local_day(self, moment: datetime) -> date:
        """The date that the person's own calendar shows at `moment`."""
        return moment.astimezone(self.timezone).date()

    def next_midnight(self, moment: datetime) -> datetime:
        """The instant at which the local day after that of `moment` begins, in UTC."""
        return _instant(self.local_day(moment), MINUTES_A_DAY, self.timezone)

    def _around(self, moment: datetime) -> Iterator[Stretch]:
        """The hours of the local day of `moment`, absences not yet taken out."""
        return self._day(self.local_day(moment))

    def _day(self, day: date) -> Iterator[Stretch]:
        """The working hours of one local date, in order; none on a holiday."""
        if day in self.holidays:
            return
        for first, last in self.hours[day.weekday()]:
            start, end = _instant(day, first, self.timezone), _instant(day, last, self.timezone)
            if start < end:  # hours that lie wholly in the hour skipped by daylight saving are none
                yield start, end

    def _from(self, moment: datetime) -> Iterator[Stretch]:
        """Working stretches from `moment` on, without end: raises `NeverAtWork` when none follows in time."""
        last = day = self.local_day(moment)
        while (day - last).days <= SEARCH_DAYS:
            for start, end in self._day(day):
                for part in _without((max(start, moment), end), self.absences):
                    last = day
                    yield part
            day += timedelta(days=1)
        raise NeverAtWork(
            f"There is no working time in the {SEARCH_DAYS} days after {last.isoformat()}; "
            "check working hours and absences."
        )


def work_calendar(timezone: str, hours: Mapping[str, Sequence[Sequence[str]]], country: str) -> WorkCalendar:
    """Build a calendar from what is stored: IANA zone, see `parse_hours`, see `public_holidays`.

    Raises:
        CalendarError: a part cannot be understood; the message says which.
    """
    return WorkCalendar(_zone(timezone), parse_hours(hours), public_holidays(country))


def office_calendar(timezone: str, country: str) -> WorkCalendar:
    """The calendar of a team or another group of people: `OFFICE_HOURS` on all days but the country's holidays.

    Raises:
        CalendarError: see `work_calendar`.
    """
    return work_calendar(timezone, OFFICE_HOURS, country)


def parse_hours(hours: Mapping[str, Sequence[Sequence[str]]]) -> Hours:
    """Read ``{"mon": [["09:00", "12:30"], ["13:30", "17:30"]], …}``; a missing day is free; "24:00" ends a day.

    Raises:
        CalendarError: unknown day, no time of day, a stretch over midnight or overlapping stretches.
    """
    if not isinstance(hours, Mapping):
        raise CalendarError(f"Working hours must be given by weekday, not as {hours!r}.")
    unknown = sorted(set(hours) - set(WEEKDAYS))
    if unknown:
        raise CalendarError(f"Working hours name the unknown day {unknown[0]!r}; days are {', '.join(WEEKDAYS)}.")
    return tuple(_parse_day(day, hours.get(day, ())) for day in WEEKDAYS)


@lru_cache(maxsize=256)
def public_holidays(country: str) -> Container[date]:
    """The public holidays of a country ("DE") or of a part of it ("DE-BY"), as the `holidays` library knows them.

    Raises:
        CalendarError: the library does not know the country.
    """
    import holidays  # noqa: PLC0415 - all countries of the world, which who only looks up a rep need not load

    code, _, part = country.upper().partition("-")
    try:
        known: Container[date] = holidays.country_holidays(code, subdiv=part or None)
    except (NotImplementedError, AttributeError) as error:
        raise CalendarError(
            f"The public holidays of {country!r} are not known; give an ISO 3166 code such as DE or DE-BY."
        ) from error
    return known


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise CalendarError(f"The time {moment} has no time zone.")
    return moment.astimezone(UTC)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CalendarError(f"The time zone {name!r} is not known; give an IANA name such as Europe/Madrid.") from error


def _parse_day(day: str, stretches: Sequence[Sequence[str]]) -> tuple[tuple[int, int], ...]:
    parsed = []
    for stretch in stretches:
        if not isinstance(stretch, Sequence) or len(stretch) != 2:
            raise CalendarError(f"Working hours of {day} must be pairs of start and end, not {stretch!r}.")
        first, last = (_minutes(day, text) for text in stretch)
        if first >= last:
            raise CalendarError(
                f"Working hours of {day} from {stretch[0]} to {stretch[1]} go over midnight; "
                "split them: to 24:00 on this day and from 00:00 on the next."
            )
        parsed.append((first, last))
    parsed.sort()
    if any(later[0] < earlier[1] for earlier, later in pairwise(parsed)):
        raise CalendarError(f"Working hours of {day} overlap.")
    return tuple(parsed)


def _minutes(day: str, text: str) -> int:
    if text == "24:00":
        return MINUTES_A_DAY
    try:
        parsed = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - a time of day has no zone
    except (ValueError, TypeError) as error:
        raise CalendarError(f"Working hours of {day} hold {text!r}, which is no time such as 09:30.") from error
    return parsed.hour * 60 + parsed.minute


@lru_cache(maxsize=4096)  # of a few dozen calendars the same days are asked for again and again
def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the clocks of `zone` show the time (see the module for the two special cases)."""
    if minutes == MINUTES_A_DAY:
        day, minutes = day + timedelta(days=1), 0
    wall = datetime.combine(day, time(*divmod(minutes, 60)), tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # The time is skipped. With fold=1 the offset after the change is used, which gives an instant before it (PEP 495).
    before, after = wall.replace(fold=1).astimezone(UTC), instant
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The same time in order, in UTC and without overlaps."""
    merged: list[Stretch] = []
    for start, end in sorted((_utc(start), _utc(end)) for start, end in stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _without(stretch: Stretch, absences: Iterable[Stretch]) -> Iterator[Stretch]:
    """What is left of `stretch` when the absences (in order, disjoint) are taken out."""
    start, end = stretch
    for away, back in absences:
        if start < away < end:
            yield start, min(end, away)
        if away < end:
            start = max(start, back)
    if start < end:
        yield start, end
