"""What a newcomer has to know of a Workday tenant before people are taken from it: log-in, reports, columns, people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping

from workers.connectors.answers import SystemRefused
from workers.connectors.checking import Finding
from workers.connectors.roster.values import RosterRefused, sound
from workers.connectors.workday.client import Report
from workers.connectors.workday.mapping import FieldMapping
from workers.connectors.workday.reading import NEEDED, NEEDED_OF_ABSENCES, WorkdayPeople, roster
from workers.settings import Workday

LISTED = 20
"""So many rows that can't be read are told one by one."""


async def check(
    people: WorkdayPeople, mapping: FieldMapping, settings: Workday, reps: Collection[str] | None
) -> AsyncIterator[Finding]:
    """Run both reports and change nothing; `reps` are the e-mail addresses of our reps, None: not known.

    Raises:
        SystemDown, SystemPause: Workday can't be asked at all.
    """
    how = "an API client, by its refresh token" if settings.refresh_token else f"the user {settings.username}"
    workers, absences = None, None
    try:
        workers = await people.workers()
        yield Finding("account", "ok", str(settings.tenant), f"{how} may log in")
        for finding in _report(workers, mapping.of_workers, NEEDED):
            yield finding
    except SystemRefused as error:
        yield Finding("rights", "wrong", str(settings.workers_report), str(error))
    if settings.absences_report is None:
        yield Finding("rights", "note", "absences", "No report is set (ABSENCES_REPORT); absences are left alone.")
    else:
        try:
            absences = await people.absences()
            if absences is not None:
                for finding in _report(absences, mapping.of_absences, NEEDED_OF_ABSENCES):
                    yield finding
        except SystemRefused as error:
            yield Finding("rights", "wrong", settings.absences_report, str(error))
    if workers is not None:
        for finding in _people(mapping, workers, absences, reps):
            yield finding


def _report(report: Report, columns: Mapping[str, str], needed: Collection[str]) -> Iterator[Finding]:
    yield Finding("rights", "ok", report.name, "may be run")
    size = f"{len(report.rows):,} rows, {report.size:,} bytes, {report.seconds:.1f} s"
    yield Finding("limits", "ok", report.name, size)
    for field, column in columns.items():
        rows = sum(bool(row.get(column)) for row in report.rows)
        if column in report.columns:
            said = f"{field}; in {rows:,} of {len(report.rows):,} rows"
            yield Finding("fields", "wrong" if field in needed and not rows else "ok", column, said)
        else:
            yield Finding("fields", "note", column, f"{field}; in no row: empty for everybody, or not in the report")
    unused = report.columns - set(columns.values())
    if unused:
        shown = ", ".join(sorted(unused)[:10])
        yield Finding("fields", "note", f"{len(unused)} others", f"not in the mapping, passed over: {shown}")


def _people(
    mapping: FieldMapping, workers: Report, absences: Report | None, reps: Collection[str] | None
) -> Iterator[Finding]:
    found = roster(mapping, workers, absences)
    try:
        sound(found)
        managers = {one.text("manager") for one in found.workers} - {""}
        yield Finding(
            "people", "ok", "workers", f"{len(found.workers):,} can be read, {len(managers):,} of them manage others"
        )
    except RosterRefused as error:
        yield Finding("people", "wrong", "workers", str(error))
    for note in found.notes[:LISTED]:
        yield Finding("people", "note", "not read", note)
    if len(found.notes) > LISTED:
        yield Finding("people", "note", "not read", f"and {len(found.notes) - LISTED} more")
    if found.absences is not None:
        yield Finding("people", "ok", "absences", f"{len(found.absences):,} can be read")
    if reps is None:
        yield Finding(
            "people", "note", "reps", "The database can't be asked, so they are not compared with the workers."
        )
        return
    there = {one.text("email") for one in found.workers}
    both = sum(email.casefold() in there for email in reps)
    said = f"{both} of {len(reps)} active reps are among the workers by their e-mail addresses; the others stay as they are."
    yield Finding("people", "ok" if both == len(reps) else "note", "reps", said)
