"""Many rows at once: from a file or from recorded outcomes to the matrix a model learns from.

Everything that is *learned* from rows (the vocabularies) is learned by `fit_vocabulary` from the rows named there and
no others; reading a table learns nothing.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.lead_routing.scoring.errors import DataError
from workers.lead_routing.scoring.features import Value, find, read_feature
from workers.lead_routing.scoring.schema import Schema

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NAMED_PROBLEMS = 5


@dataclass(frozen=True)
class Source:
    """Where rows came from, for the model card."""

    name: str
    sha256: str | None = None


@dataclass(frozen=True)
class Table:
    """Rows in date order, oldest first.

    `columns` holds, for each feature, numbers (NaN = missing) or, for a category, positions in `levels` (-1 = missing).
    """

    schema: Schema
    columns: dict[str, Floats | Ints]
    levels: dict[str, tuple[str, ...]]
    labels: Ints
    """1 = converted, 0 = not."""
    times: Floats
    """The order column as a number (seconds since 1970 for a time); without one the number of the row read, from 1."""
    moments: tuple[str, ...]
    """The order column as written (``row 17`` without one)."""
    undecided: int = 0
    """Rows left out because their label is empty."""
    refused: tuple[str, ...] = field(default=())
    """What was wrong with rows that were left out because `skip_bad` was asked for."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def period(self) -> tuple[str, str]:
        """First and last moment."""
        return self.moments[0], self.moments[-1]

    def last(self, rows: int) -> Table:
        """The newest rows; all if there are fewer."""
        return self.take(np.arange(max(0, len(self) - rows), len(self)))

    def take(self, index: Ints) -> Table:
        """Some rows, in the order given."""
        return Table(
            self.schema,
            {name: column[index] for name, column in self.columns.items()},
            self.levels,
            self.labels[index],
            self.times[index],
            tuple(self.moments[i] for i in index),
        )

    def without_labels(self) -> Table:
        """The same rows, with every outcome hidden (-1), for code that must not see it."""
        return replace(self, labels=np.full(len(self), -1, dtype=np.int64))

    def fit_vocabulary(self) -> dict[str, tuple[str, ...]]:
        """Categories of these rows that a model may tell apart, sorted; a closed list is taken as declared."""
        vocabulary: dict[str, tuple[str, ...]] = {}
        for feature in self.schema.features:
            if feature.kind != "categorical":
                continue
            if feature.categories != "open":
                vocabulary[feature.name] = feature.categories
                continue
            ids = self.columns[feature.name]
            levels = self.levels[feature.name]
            counts = np.bincount(ids[ids >= 0].astype(np.int64), minlength=len(levels))
            vocabulary[feature.name] = tuple(
                word for word, count in zip(levels, counts, strict=True) if count >= self.schema.rare
            )
        return vocabulary

    def encode(self, vocabulary: Mapping[str, tuple[str, ...]]) -> Floats:
        """Matrix (rows x features), the same numbers as `features.Encoder` gives."""
        matrix = np.empty((len(self), len(self.schema.features)))
        for j, feature in enumerate(self.schema.features):
            column = self.columns[feature.name]
            if feature.kind != "categorical":
                matrix[:, j] = column
                continue
            words = {word: i for i, word in enumerate(vocabulary[feature.name])}
            # The last entry is what position -1, missing, reaches.
            codes = np.array([*(words.get(level, len(words)) for level in self.levels[feature.name]), np.nan])
            matrix[:, j] = codes[column.astype(np.int64)]
        return matrix


def read_rows(path: Path, schema: Schema) -> tuple[Iterator[Mapping[str, object]], Source]:
    """Rows of a CSV (comma or semicolon) or JSON Lines file, gzipped or not, as they are.

    Raises:
        DataError: if the file cannot be read.
        SchemaError: if a column of a CSV file is missing.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    source = Source(path.name, hashlib.sha256(raw).hexdigest())
    try:
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is neither UTF-8 text nor a whole gzip file of it: {error}") from error
    if any(ending in path.suffixes for ending in (".jsonl", ".ndjson")):
        return _json_lines(text, path.name), source
    head = text[: text.find("\n") + 1]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    schema.check_columns(reader.fieldnames or ())
    return iter(reader), source


def read_table(path: Path, schema: Schema, *, skip_bad: bool = False) -> tuple[Table, Source]:
    """`read_rows`, then `build_table`; raises what they raise."""
    rows, source = read_rows(path, schema)
    return build_table(rows, schema, skip_bad=skip_bad), source


def _json_lines(text: str, name: str) -> Iterator[Mapping[str, object]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{name}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise DataError(f"{name}, line {number} is not a JSON object")
        yield row


def build_table(rows: Iterable[Mapping[str, object]], schema: Schema, *, skip_bad: bool = False) -> Table:
    """Read rows (flat or nested leads with the label) into a table, sorted by the schema's order column.

    Rows whose label is empty are not decided yet: left out and counted. Ties in the order column keep their order.

    Raises:
        DataError: naming rows (counted from 1) and columns at fault; with `skip_bad` only if they are more than
            one in a hundred; or if no decided row, or only one outcome, is left.
    """
    values: list[list[Value]] = [[] for _ in schema.features]
    labels: list[int] = []
    order: list[tuple[float, str]] = []
    refused: list[str] = []
    undecided = read = 0
    for read, row in enumerate(rows, start=1):
        outcome = _label(row, schema)
        if outcome is None:
            undecided += 1
            continue
        when = _when(row, schema, read)
        readings = [read_feature(row, feature) for feature in schema.features]
        problems = [
            f"column {feature.name!r}: {reading.problem or 'is required and missing'}"
            for feature, reading in zip(schema.features, readings, strict=True)
            if reading.value is None and (reading.problem or feature.required)
        ]
        problems += [problem for problem in (outcome, when) if isinstance(problem, str)]
        if problems or isinstance(outcome, str) or isinstance(when, str):
            refused.append(f"row {read}, {'; '.join(problems)}")
            continue
        labels.append(outcome)
        order.append(when)
        for column, reading in zip(values, readings, strict=True):
            column.append(reading.value)
    _judge(refused, read, skip_bad=skip_bad)
    if len(set(labels)) < 2:
        raise DataError(
            f"{read} rows were read and {len(labels)} have an outcome, but a model needs leads that converted and leads "
            f"that did not; look at column {schema.label.column!r}"
        )
    index = np.array(sorted(range(len(order)), key=lambda i: order[i][0]), dtype=np.int64)
    columns, levels = _columns(schema, values, index)
    return Table(
        schema=schema,
        columns=columns,
        levels=levels,
        labels=np.array(labels, dtype=np.int64)[index],
        times=np.array([order[i][0] for i in index]),
        moments=tuple(order[i][1] for i in index),
        undecided=undecided,
        refused=tuple(refused),
    )


def _judge(refused: list[str], read: int, *, skip_bad: bool) -> None:
    if not refused or (skip_bad and len(refused) * 100 <= read):
        return
    more = f"; and {len(refused) - _NAMED_PROBLEMS} more rows" if len(refused) > _NAMED_PROBLEMS else ""
    raise DataError(
        f"{len(refused)} of {read} rows cannot be used: {'; '.join(refused[:_NAMED_PROBLEMS])}{more}. "
        "Mend the rows, or the schema if it is too narrow"
    )


def _columns(
    schema: Schema, values: list[list[Value]], index: Ints
) -> tuple[dict[str, Floats | Ints], dict[str, tuple[str, ...]]]:
    columns: dict[str, Floats | Ints] = {}
    levels: dict[str, tuple[str, ...]] = {}
    for feature, column in zip(schema.features, values, strict=True):
        if feature.kind == "categorical":
            words = tuple(sorted({str(value) for value in column if value is not None}))
            place = {word: i for i, word in enumerate(words)}
            levels[feature.name] = words
            ids = [-1 if value is None else place[str(value)] for value in column]
            columns[feature.name] = np.array(ids, dtype=np.int64)[index]
        else:
            numbers = [np.nan if value is None else float(value) for value in column]
            columns[feature.name] = np.array(numbers, dtype=np.float64)[index]
    return columns, levels


def _label(row: Mapping[str, object], schema: Schema) -> int | str | None:
    """1, 0, None for "not decided yet", or what is wrong with it."""
    raw = find(row, schema.label.column)
    if raw is None or raw == "":
        return None
    word = str(raw).strip().lower()
    if word in {str(value).lower() for value in schema.label.positive}:
        return 1
    if word in {str(value).lower() for value in schema.label.negative}:
        return 0
    return f"column {schema.label.column!r}: {raw!r} is no outcome the schema knows"


def _when(row: Mapping[str, object], schema: Schema, number: int) -> tuple[float, str] | str:
    """Sort key and text of the order column, or what is wrong with it; without one the row's number is both."""
    if schema.order is None:
        return float(number), f"row {number}"
    raw = find(row, schema.order)
    text = raw.isoformat() if isinstance(raw, datetime) else str(raw)
    with suppress(ValueError):
        stamp = float(text)
        if math.isfinite(stamp):
            return stamp, text
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        # A time without an offset is read as UTC, so that the order depends on no machine's time zone.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), text
    return f"column {schema.order!r}: {raw!r} is neither a number nor an ISO 8601 time"
