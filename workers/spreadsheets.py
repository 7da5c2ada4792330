"""CSV for people, who open it in a spreadsheet: text that would be a formula there stays text.

Names of companies, segments and reps come from outside. One that begins like a formula is run by the spreadsheet of whoever
opens the file (OWASP, "CSV Injection"); an apostrophe before it makes it text. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame, Series

QUOTE = "'"
_BEGINS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def harmless(value: object) -> object:
    """A value for a cell; text that a spreadsheet would take for a formula has an apostrophe before it."""
    if isinstance(value, str) and _like_a_formula(value) and not _NUMBER.fullmatch(value):
        return QUOTE + value
    return value


def meant(text: str) -> str:
    """What a cell that `harmless` wrote stands for: our own files are read as they were meant."""
    return text[1:] if text.startswith(QUOTE) and _like_a_formula(text) else text


def _like_a_formula(text: str) -> bool:
    # Behind apostrophes too: so whatever had one before comes back as it was.
    return text.lstrip(QUOTE).startswith(_BEGINS)


def write_rows(file: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([harmless(name) for name in columns])
        writer.writerows([harmless(cell) for cell in row] for row in rows)


def write_frame(file: Path, frame: DataFrame) -> None:
    """Write a table as CSV, without its index."""
    # By RFC 4180; with any other end of line a carriage return in a cell would not be quoted, and begin a row.
    frame.rename(columns=harmless).apply(_harmless_column).to_csv(file, index=False, lineterminator="\r\n")


def _harmless_column(column: Series) -> Series:
    # Of numbers and times there is nothing to change, and each kept in Python's own form would be written otherwise.
    return column if column.dtype.kind in "biufcmM" else column.astype(object).map(harmless)
