"""Rows of Workday's reports to people. What cannot be read is told by the employee's id, and never with its value."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby

from workers.connectors.answers import SystemRefused
from workers.connectors.roster.values import Absence, Fact, Roster, Worker
from workers.connectors.workday.client import Report, Reports
from workers.connectors.workday.mapping import FieldMapping
from workers.connectors.workday.rows import SEVERAL, Row
from workers.settings import Workday

NEEDED = ("employee_id", "name", "email")
NEEDED_OF_ABSENCES = ("employee_id", "first")

_ID = re.compile(r"[^\s,]{1,100}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LANGUAGE = re.compile(r"[a-z]{2}")


class _RowError(Exception):
    """A row that can't be read."""


class WorkdayPeople:
    """Who is there and who is away, by two reports."""

    title = "Workday"

    def __init__(self, reports: Reports, mapping: FieldMapping, settings: Workday) -> None:
        self._reports = reports
        self._mapping = mapping
        self._settings = settings

    async def read(self) -> Roster:
        """Run the reports and read them.

        Raises:
            SystemDown, SystemPause, SystemRefused: see `WorkdayClient.report`; a column that is needed is in no row.
        """
        workers = await self.workers()
        absences = await self.absences()
        return roster(self._mapping, workers, absences)

    async def workers(self) -> Report:
        """The report on workers."""
        columns = self._mapping.of_workers
        asked = str(self._settings.workers_report), self._settings.workers_prompts, columns.values()
        return _with(await self._reports.report(*asked), {name: columns[name] for name in NEEDED})

    async def absences(self) -> Report | None:
        """The report on absences; None: there is none in the settings."""
        if self._settings.absences_report is None:
            return None
        columns = self._mapping.of_absences
        asked = self._settings.absences_report, self._settings.absences_prompts, columns.values()
        return _with(await self._reports.report(*asked), {name: columns[name] for name in NEEDED_OF_ABSENCES})


def _with(report: Report, needed: Mapping[str, str]) -> Report:
    """The report, if it has the columns that are needed; one without rows has none, which others judge."""
    missing = [f"{column} ({name})" for name, column in needed.items() if column not in report.columns]
    if missing and report.rows:
        there = ", ".join(sorted(report.columns)[:20])
        raise SystemRefused(
            f"Workday's report {report.name} lacks {', '.join(missing)}. Add it, or correct the mapping; it has {there}"
            f"{' and more' if len(report.columns) > 20 else ''}."
        )
    return report


def roster(mapping: FieldMapping, workers: Report, absences: Report | None) -> Roster:
    """What the reports say."""
    said = {name for name, column in mapping.of_workers.items() if column in workers.columns}
    found: list[Worker] = []
    notes: list[str] = []
    faults: list[str] = []
    unread: set[str] = set()
    columns = mapping.of_workers

    def id_of(row: Row) -> str:
        return " ".join(row.get(columns["employee_id"], ()))

    for employee_id, group in groupby(sorted(workers.rows, key=id_of), key=id_of):
        same = list(group)
        rows = [row for place, row in enumerate(same) if row not in same[:place]]
        if not _ID.fullmatch(employee_id):
            faults.append(
                f"{len(same)} rows have no usable {columns['employee_id']}, so that it can't be said whose they are"
            )
            continue
        if fault := _twice(employee_id, rows, columns.get("manager")):
            faults.append(fault)
            continue
        try:
            facts, words = _facts(mapping, rows[0], said)
        except _RowError as error:
            notes.append(f"The worker {employee_id} can't be read and stays as they are: {error}.")
            unread.add(employee_id)
            continue
        found.append(Worker(employee_id, facts))
        notes += [f"Of the worker {employee_id} is left out: {one}." for one in words]
    known = {one.employee_id for one in found} | unread
    found = [_without_stranger(one, known, notes) for one in found]
    away = None if absences is None else _absences(mapping, absences, known, notes)
    return Roster(found, away, mapping.beginnings, frozenset(unread), notes, faults)


def _twice(employee_id: str, rows: Sequence[Row], manager: str | None) -> str:
    """What is wrong if several rows are one worker's, or one row names several managers; empty: nothing is."""
    managers = {word for row in rows for word in _words(row.get(manager or "", ()))}
    if len(managers) > 1:
        return f"the worker {employee_id} has {len(managers)} managers"
    if len(rows) > 1:
        return f"the worker {employee_id} is there {len(rows)} times, with different values"
    return ""


def _facts(mapping: FieldMapping, row: Row, said: set[str]) -> tuple[dict[str, Fact], list[str]]:
    """What a row says of the fields that the report has, and what of it cannot be used."""
    cells = {name: row.get(column, ()) for name, column in mapping.of_workers.items() if name in said}
    email = _one(cells, "email").casefold()
    if not _EMAIL.fullmatch(email):
        raise _RowError("there is no e-mail address in " + mapping.workers.email)
    if not (name := _one(cells, "name")):
        raise _RowError("there is no name in " + mapping.workers.name)
    facts: dict[str, Fact] = {"name": name, "email": email}
    columns = mapping.of_workers
    facts |= {field: _day(_one(cells, field), columns[field]) for field in ("hired", "last_day") if field in said}
    for field in ("manager", "login", "timezone", "country"):
        if field in said:
            facts[field] = _one(cells, field) or None
    if "territory" in said:
        facts["territories"] = list(mapping.ours("territory", _words(cells["territory"])))
    if "unit" in said:
        facts["unit"] = next(iter(mapping.ours("unit", _words(cells["unit"]))), None)
    if "skills" in said:
        facts["skills"] = list(mapping.ours("skills", _words(cells["skills"])))
    if mapping.sells is not None and "sells" in said:
        wanted = {value.casefold() for value in mapping.sells.values}
        facts["sells"] = any(word.casefold() in wanted for word in _words(cells["sells"]))
    return facts, [*_languages(mapping, cells, facts), *_place(cells, facts)]


def _languages(mapping: FieldMapping, cells: Mapping[str, Sequence[str]], facts: dict[str, Fact]) -> list[str]:
    """Put the languages among the facts; what of them cannot be used."""
    if "languages" not in cells:
        return []
    spoken = [one.casefold() for one in mapping.ours("languages", _words(cells["languages"]))]
    usable = [one for one in spoken if _LANGUAGE.fullmatch(one)]
    facts["languages"] = list(usable)
    if len(usable) == len(spoken):
        return []
    return [f"a language in {mapping.workers.languages} that `values` in the mapping does not translate"]


def _place(cells: Mapping[str, Sequence[str]], facts: dict[str, Fact]) -> list[str]:
    """Put the place among the facts; what of it cannot be used."""
    parts = [_one(cells, one) for one in ("latitude", "longitude", "capacity")]
    if not any(parts):
        return []
    numbers = [number for part in parts if (number := _number(part)) is not None]
    if len(numbers) < len(parts):
        return ["a place whose latitude, longitude and capacity are not all numbers"]
    facts["place"] = numbers
    return []


def _without_stranger(worker: Worker, known: set[str], notes: list[str]) -> Worker:
    """The worker; a manager who is in no row is not said."""
    manager = worker.text("manager")
    if not manager or manager in known:
        return worker
    notes.append(f"The manager of the worker {worker.employee_id} is in no row; who manages them stays as it is.")
    return Worker(worker.employee_id, {name: fact for name, fact in worker.facts.items() if name != "manager"})


def _absences(mapping: FieldMapping, report: Report, known: set[str], notes: list[str]) -> list[Absence]:
    columns = mapping.of_absences
    found: set[Absence] = set()
    for row in report.rows:
        cells = {name: row.get(column, ()) for name, column in columns.items()}
        employee_id = _one(cells, "employee_id")
        try:
            first, last = _days(cells, columns)
            fault = "" if employee_id in known else "the report on workers has no such worker"
        except _RowError as error:
            fault = str(error)
        if fault:
            shown = employee_id if _ID.fullmatch(employee_id) else "?"
            notes.append(f"An absence of the worker {shown} is left out: {fault}.")
            continue
        substitute = _one(cells, "substitute") or None
        if substitute is not None and (substitute not in known or substitute == employee_id):
            notes.append(
                f"The substitute of the worker {employee_id} is nobody else in the report on workers; left out."
            )
            substitute = None
        found.add(Absence(employee_id, first, last, substitute))
    return sorted(found, key=lambda one: (one.employee_id, one.first, one.last or date.max, one.substitute_id or ""))


def _days(cells: Mapping[str, Sequence[str]], columns: Mapping[str, str]) -> tuple[date, date | None]:
    """The first and the last day of an absence."""
    first = _day(_one(cells, "first"), columns["first"])
    last = _day(_one(cells, "last"), columns.get("last", ""))
    if first is None:
        raise _RowError(f"there is no day in {columns['first']}")
    if last is not None and last < first:
        raise _RowError("it ends before it begins")
    return date.fromisoformat(first), date.fromisoformat(last) if last else None


def _words(cell: Sequence[str]) -> tuple[str, ...]:
    """The values of a cell, those that stand in one text too."""
    return tuple(word.strip() for text in cell for word in text.split(SEVERAL) if word.strip())


def _one(cells: Mapping[str, Sequence[str]], field: str) -> str:
    """The value of a field that has one; the first of several."""
    return next(iter(cells.get(field, ())), "")


def _day(text: str, column: str) -> str | None:
    """A day as ``2026-11-27``; Workday may write an offset or a time behind it. None: there is none."""
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise _RowError(f"{column} is no day such as 2026-11-27") from None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
