"""Which column of Workday's reports holds what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from workers.connectors.mapping import Mapped, Part
from workers.connectors.roster.values import NewReps
from workers.office.calendar import CalendarError, work_calendar

Column = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)?$")]
"""An XML alias, within a group after the group's."""

Translated = Literal["territory", "unit", "languages", "skills"]


class WorkerColumns(Part):
    """Of the report on workers."""

    employee_id: Column
    name: Column
    email: Column
    manager: Column | None = None
    hired: Column | None = None
    last_day: Column | None = None
    login: Column | None = None
    territory: Column | None = None
    unit: Column | None = None
    languages: Column | None = None
    skills: Column | None = None
    timezone: Column | None = None
    country: Column | None = None
    latitude: Column | None = None
    longitude: Column | None = None
    capacity: Column | None = None

    @model_validator(mode="after")
    def _whole_place(self) -> WorkerColumns:
        if len({self.latitude is None, self.longitude is None, self.capacity is None}) > 1:
            raise ValueError("latitude, longitude and capacity belong together")
        return self


class AbsenceColumns(Part):
    """Of the report on absences."""

    employee_id: Column
    first: Column
    last: Column | None = None
    substitute: Column | None = None


class Sells(Part):
    """Who is a rep."""

    column: Column
    values: list[str] = Field(min_length=1)


class NewRepsPart(Part):
    """What a new rep begins with."""

    timezone: str = "UTC"
    country: str = "US"
    working_hours: dict[str, list[list[str]]]
    weight: float = Field(default=1.0, gt=0)
    daily_capacity: int = Field(default=5, ge=0)
    open_capacity: int = Field(default=25, ge=0)

    @field_validator("working_hours")
    @classmethod
    def _hours(cls, given: dict[str, list[list[str]]]) -> dict[str, list[list[str]]]:
        try:
            work_calendar("UTC", given, "US")
        except CalendarError as error:
            raise ValueError(str(error)) from None
        return given


class FieldMapping(Mapped):
    """The whole of it."""

    package = str(__package__)

    workers: WorkerColumns
    absences: AbsenceColumns
    sells: Sells | None = None
    values: dict[Translated, dict[str, str]] = Field(default_factory=dict)
    new_reps: NewRepsPart

    @property
    def of_workers(self) -> Mapping[str, str]:
        """Field → column of the report on workers, `sells` among them."""
        more = {"sells": self.sells.column} if self.sells else {}
        return {name: column for name, column in self.workers.model_dump().items() if column} | more

    @property
    def of_absences(self) -> Mapping[str, str]:
        """Field → column of the report on absences."""
        return {name: column for name, column in self.absences.model_dump().items() if column}

    @property
    def beginnings(self) -> NewReps:
        """What a new rep begins with."""
        return NewReps(**self.new_reps.model_dump())

    def ours(self, field: Translated, words: tuple[str, ...]) -> list[str]:
        """Our words for Workday's; what is not translated stays as it is. Each once, in order."""
        known = {there.casefold(): here for there, here in self.values.get(field, {}).items()}
        return sorted({known.get(word.casefold(), word) for word in words})
