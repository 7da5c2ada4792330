"""A folder of CSV files to inputs. What cannot be used is named with file, row and rule; the good part is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from pydantic import ValidationError

from workers.quota_approval.planning.errors import InputError
from workers.quota_approval.planning.inputs import (
    OPTIONAL,
    TABLES,
    TOTAL,
    Bound,
    Forecast,
    Inputs,
    Opportunity,
    Problem,
    Rep,
    Result,
    Row,
    Territory,
    Unit,
    sorted_rows,
)
from workers.spreadsheets import meant

Cells = Mapping[str, str]

_FATAL = {
    "units": "a unit has one place in the tree",
    "reps": "a rep has one boss",
}
"""Tables where a second row of a key cannot be left out: which of the two is meant decides other people's quotas."""


@dataclass(frozen=True)
class Reading:
    """What could be read, and what could not."""

    inputs: Inputs
    problems: tuple[Problem, ...]


def read_folder(folder: Path, *, currency: str) -> Reading:
    """Read the files that docs/quota.md declares; optional ones may be missing.

    Raises:
        InputError: if a needed file is missing, cannot be read, lacks a column or has no usable row, or if a unit or rep
            has two places in the tree.
    """
    tables: dict[str, Iterable[tuple[int, Cells]]] = {}
    for name in TABLES:
        path = folder / f"{name}.csv"
        if path.is_file():
            tables[name] = _rows(path)
        elif name not in OPTIONAL:
            raise InputError(f"{path} is missing; `fairlead quota sample` writes a folder that shows what is needed")
    return read_tables(tables, currency=currency)


def read_tables(tables: Mapping[str, Iterable[tuple[int, Cells]]], *, currency: str) -> Reading:
    """The same from rows that a port collected: table → (number of the row, column → text). Raises what `read_folder` does."""
    problems: list[Problem] = []
    read: dict[str, list[Row]] = {}
    for name, model in TABLES.items():
        rows = list(tables.get(name, ()))
        read[name] = _table(f"{name}.csv", name, model, rows, currency, problems)
        if not read[name] and name not in OPTIONAL:
            first = next((f" The first: {one.text}." for one in problems if one.where.startswith(name)), "")
            raise InputError(f"{name}.csv: no row can be used, {len(rows)} were refused.{first}")
    _hold_together(read, problems)
    return Reading(Inputs(**{name: sorted_rows(rows) for name, rows in read.items()}), tuple(problems))


def _rows(path: Path) -> list[tuple[int, Cells]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    columns = tuple(name.strip() for name in next(reader, []))
    rows: list[tuple[int, Cells]] = [
        (reader.line_num, dict(zip(columns, map(meant, row), strict=False))) for row in reader if any(row)
    ]
    needed = [name for name, field in TABLES[path.stem].model_fields.items() if field.is_required()]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise InputError(
            f"{path.name} lacks the columns {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(repr, columns)) or 'none'}"
        )
    return rows


def _table(
    file: str, name: str, model: type[Row], rows: Iterable[tuple[int, Cells]], currency: str, problems: list[Problem]
) -> list[Row]:
    found: dict[object, tuple[int, Row]] = {}
    key_of = attrgetter(*model.key)
    for line, cells in rows:
        where = f"{file}, row {line}"
        said = cells.get("currency", "").strip()
        if said and said != currency:
            text = f"the amount is in {said}, the plan in {currency}; convert it first"
            problems.append(Problem(where, "currency", f"{where}: {text}"))
            continue
        try:
            row = model.model_validate(cells)
        except ValidationError as error:
            problems.append(_refused(where, error))
            continue
        key = key_of(row)
        if key in found:
            named = ", ".join(str(getattr(row, column)) for column in model.key)
            if name in _FATAL:
                raise InputError(
                    f"{where}: {named} is in row {found[key][0]} already; {_FATAL[name]}, remove the wrong row"
                )
            problems.append(
                Problem(where, "duplicate", f"{where}: {named} is in row {found[key][0]} already; that one counts")
            )
            continue
        found[key] = line, row
    return [row for _, row in found.values()]


def _refused(where: str, error: ValidationError) -> Problem:
    first = error.errors()[0]
    column = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    text = f"{where}: {column} is {first['input']!r}: {said}" if column else f"{where}: {said}"
    return Problem(where, first["type"], text)


def _hold_together(read: dict[str, list[Row]], problems: list[Problem]) -> None:
    """Leave out rows that speak of reps, segments or nodes that are not there."""
    reps = {(row.period, row.rep) for row in read["reps"] if isinstance(row, Rep)}
    segments = {(row.period, row.segment) for row in read["forecast"] if isinstance(row, Forecast)}
    nodes = {row.unit for row in read["units"] if isinstance(row, Unit)} | {rep for _, rep in reps}

    def judge(row: Row) -> tuple[str, str] | None:
        if isinstance(row, Territory | Opportunity) and row.rep and (row.period, row.rep) not in reps:
            return "unknown_rep", f"rep {row.rep!r} is not in reps.csv for {row.period}"
        if isinstance(row, Territory) and row.segment == TOTAL:
            return "reserved_name", f"{TOTAL!r} is the sum of all segments; give the rep's own segments"
        if isinstance(row, Territory) and (row.period, row.segment) not in segments:
            return "unknown_segment", f"segment {row.segment!r} has no forecast for {row.period}"
        if isinstance(row, Result | Bound) and row.node not in nodes:
            return "unknown_node", f"{row.node!r} is neither a unit nor a rep"
        return None

    for name in ("territories", "pipeline", "results", "bounds"):
        kept = []
        for row in read[name]:
            wrong = judge(row)
            if wrong is None:
                kept.append(row)
            else:
                problems.append(Problem(f"{name}.csv", wrong[0], f"{name}.csv: {wrong[1]}; the row is left out"))
        read[name] = kept
