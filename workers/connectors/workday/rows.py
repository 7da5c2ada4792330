"""Rows of a report, read while its bytes come in: a report has no pages, may be large, and has columns nobody asked for.

Its shape: ``{"Report_Entry": [{"<column>": …}, …]}``. A column is a text, a number, a list of them, or, if it is in a group, an
object or a list of objects with columns; what is empty may be left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import ijson

from workers.connectors.answers import SystemDown

ENTRIES = "Report_Entry"
SEVERAL = ";"
"""Between the values of a field that has several and is in no group."""
MOST_COLUMNS = 5_000
"""So many names of columns are remembered."""

Row = Mapping[str, tuple[str, ...]]
"""Column (``group.column`` within a group) → its values, none of them empty."""


class Rows:
    """Takes an answer piece by piece and keeps of each row only the columns that are wanted."""

    def __init__(self, report: str, wanted: Collection[str]) -> None:
        self._report = report
        self._wanted = frozenset(wanted)
        self._events = ijson.sendable_list()
        self._parser = ijson.parse_coro(self._events)
        self.begun = self._listed = False
        self._row: ijson.ObjectBuilder | None = None
        self.found: list[Row] = []
        self.columns: set[str] = set()
        """Names of all columns that any row had, wanted or not."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            SystemDown: it is no JSON, or no report.
        """
        try:
            self._parser.send(piece)
        except ijson.JSONError:
            raise self._no_json() from None
        self._take()

    def end(self) -> None:
        """There are no more bytes.

        Raises:
            SystemDown: the JSON breaks off, or there was no list of entries.
        """
        try:
            self._parser.close()
        except ijson.JSONError:
            raise SystemDown(
                f"Workday's report {self._report} breaks off after {len(self.found):,} rows; nothing of it is used."
            ) from None
        self._take()
        if not self._listed:
            raise self._no_report()

    def _take(self) -> None:
        for prefix, event, value in self._events:
            self._event(prefix, event, value)
        del self._events[:]

    def _event(self, prefix: str, event: str, value: object) -> None:
        if self._row is not None:
            self._row.event(event, value)
            if prefix == f"{ENTRIES}.item" and event == "end_map":
                self._keep(self._row.value)
                self._row = None
        elif prefix == f"{ENTRIES}.item":
            if event != "start_map":
                raise self._no_report()
            self._row = ijson.ObjectBuilder()
            self._row.event(event, value)
        elif prefix == ENTRIES and event in {"start_array", "end_array"}:
            self._listed = True
        elif prefix == ENTRIES or (not self.begun and event != "start_map"):
            raise self._no_report()
        self.begun = True

    def _keep(self, entry: Mapping[str, Any]) -> None:  # Any: JSON
        row: dict[str, tuple[str, ...]] = {}
        for name, value in _flat(entry):
            if len(self.columns) < MOST_COLUMNS:
                self.columns.add(name)
            if name in self._wanted:
                row[name] = (*row.get(name, ()), *_texts(value))
        self.found.append(row)

    def _no_json(self) -> SystemDown:
        return SystemDown(f"Workday's answer to the report {self._report} is no JSON; nothing of it is used.")

    def _no_report(self) -> SystemDown:
        return SystemDown(
            f"Workday's answer to the report {self._report} has no list {ENTRIES}; nothing of it is used. Is it the JSON of "
            "an advanced report that is enabled as a web service?"
        )


def _flat(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:  # Any: JSON
    """Columns of an entry, those of groups too, each by its full name; groups within groups are left out."""
    found: list[tuple[str, Any]] = []
    for name, value in entry.items():
        parts = value if isinstance(value, list) else [value]
        inner = [part for part in parts if isinstance(part, dict)]
        if inner:
            found += [(f"{name}.{column}", one) for part in inner for column, one in part.items()]
        else:
            found.append((name, value))
    return found


def _texts(value: object) -> list[str]:
    """The values of a cell as texts, a logical one as Workday writes it."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if value is None or isinstance(value, dict):
        return []
    if isinstance(value, bool):
        return ["1" if value else "0"]
    text = str(value).strip()
    return [text] if text else []
