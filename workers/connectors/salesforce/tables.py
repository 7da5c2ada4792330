"""Tables of Bulk API 2.0: CSV in UTF-8 (RFC 4180), fields apart by commas, lines by line feeds.

Values go as they are: they are for Salesforce and not for a spreadsheet, so what looks like a formula stays what it is.
https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/datafiles_prepare_csv.htm
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping

from workers.connectors.answers import SystemDown

MOST_BYTES = 100_000_000
"""Of a table that is sent: Salesforce takes 150 MB in base64, and asks for no more than this before."""
EMPTIES = "#N/A"
"""Clears a field; an empty one is left as it is."""

_LONGEST = 2_000_000
"""Characters of a row, quotes included; a record of Salesforce has 400,000 at most."""


class Table:
    """A table that comes in parts, which may end in the middle of a row, a field or a letter."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        self.columns: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._rest = ""

    def feed(self, part: bytes) -> None:
        """Take the next part.

        Raises:
            SystemDown: this is no table.
        """
        self._decoded(part, final=False)
        end = _whole_rows(self._rest)
        self._take(self._rest[:end])
        self._rest = self._rest[end:]
        if len(self._rest) > _LONGEST:
            raise SystemDown("Salesforce's table has a row without an end.")

    def close(self) -> None:
        """Nothing more comes.

        Raises:
            SystemDown: the last row breaks off.
        """
        self._decoded(b"", final=True)
        self._take(self._rest)
        self._rest = ""

    def _decoded(self, part: bytes, *, final: bool) -> None:
        try:
            self._rest += self._decoder.decode(part, final)
        except UnicodeDecodeError as error:
            raise SystemDown("Salesforce's table is no UTF-8.") from error

    def _take(self, text: str) -> None:
        try:
            for row in csv.reader(io.StringIO(text, newline=""), strict=True):
                if not self.columns:
                    self.columns = row
                elif row and len(row) != len(self.columns):
                    raise SystemDown("Salesforce's table has a row that breaks off.")
                elif row:
                    self.rows.append(dict(zip(self.columns, row, strict=True)))
        except csv.Error as error:
            raise SystemDown("Salesforce's table can't be read.") from error


def _whole_rows(text: str) -> int:
    """Where the last row ends that is whole: a line feed between quotes ends none."""
    end = text.rfind("\n")
    while end >= 0 and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end)
    return end + 1


def written(
    records: Mapping[str, Mapping[str, str]], key: str, *, most_bytes: int = MOST_BYTES
) -> Iterator[tuple[list[str], bytes]]:
    """Records, by the value of their field `key`, as tables that are small enough, each with the ids of its records.

    Not every record has every field: one that a record does not have is left as it is there, an empty text clears it.
    """
    columns = sorted({name for values in records.values() for name in values})
    head = _line([key, *columns])
    ids, lines, size = list[str](), [head], len(head)
    for one, values in records.items():
        line = _line([one, *((values[name] or EMPTIES) if name in values else "" for name in columns)])
        if ids and size + len(line) > most_bytes:
            yield ids, b"".join(lines)
            ids, lines, size = [], [head], len(head)
        ids.append(one)
        lines.append(line)
        size += len(line)
    if ids:
        yield ids, b"".join(lines)


def _line(fields: list[str]) -> bytes:
    made = io.StringIO(newline="")
    csv.writer(made, lineterminator="\n").writerow(fields)
    return made.getvalue().encode()
