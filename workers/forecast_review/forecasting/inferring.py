"""A layout for a file that comes without one, where its columns leave no doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from workers.forecast_review.forecasting.errors import LayoutError
from workers.forecast_review.forecasting.layout import Layout, Month, Value
from workers.forecast_review.forecasting.parsing import parse_month, parse_number
from workers.forecast_review.forecasting.sources import open_table

_ROWS = 1_000
_MOST = 0.9
"""Share of the cells that must be readable: a few bad ones are the reader's to name."""
_FORMATS = Month(column="any").formats
_PLAIN = Value(column="any")


def infer_layout(source: str, hierarchy: Sequence[str]) -> Layout:
    """A layout for a file whose segment columns are named top-down; month and value are the only columns that can be.

    Raises:
        LayoutError: naming the columns between which it cannot decide.
        DataError: if the file cannot be read or is empty.
    """
    table = open_table(source)
    missing = [name for name in hierarchy if name not in table.header]
    if missing:
        raise LayoutError(f"{table.name} has no column {missing[0]!r}; it has {', '.join(table.header)}")
    rows = [row for _, row in islice(table.rows, _ROWS)]
    cells = {name: [r[i] for r in rows if i < len(r)] for i, name in enumerate(table.header) if name not in hierarchy}
    dated = [name for name, column in cells.items() if _mostly(column, lambda cell: parse_month(cell, _FORMATS))]
    numeric = [
        name
        for name, column in cells.items()
        if name not in dated and _mostly(column, lambda cell: parse_number(cell, _PLAIN))
    ]
    for what, found in (("month", dated), ("value", numeric)):
        if len(found) != 1:
            several = f"any of {', '.join(found)}" if found else "no column"
            raise LayoutError(f"{table.name}: {several} can be the {what}; write a layout file that says which one is")
    # Files of one kind share the name, so that their versions follow each other.
    words = "_".join("".join(c if c.isalnum() else "_" for c in part.lower()) for part in (*hierarchy, numeric[0]))
    return Layout(
        name=words if "a" <= words[:1] <= "z" and words.isascii() else "inferred",
        segments=tuple(hierarchy),
        month=Month(column=dated[0]),
        value=Value(column=numeric[0]),
    )


def _mostly(cells: Sequence[str], read: Callable[[str], object]) -> bool:
    filled = [cell for cell in cells if cell.strip() not in _PLAIN.missing]
    return bool(filled) and sum(_reads(cell, read) for cell in filled) >= _MOST * len(filled)


def _reads(cell: str, read: Callable[[str], object]) -> bool:
    try:
        read(cell)
    except ValueError:
        return False
    return True
