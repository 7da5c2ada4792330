"""Cells as numbers and months. Each error says what the cell is and what to do."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from workers.forecast_review.forecasting import months
from workers.forecast_review.forecasting.layout import Value

_SIGNS = re.compile(r"[$€£¥₹₩₽₺₫฿]|\b(?:[A-Z]{3})\b")


class CellError(ValueError):
    """A cell cannot be used; `rule` is the name of what it breaks."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


def parse_number(cell: str, declared: Value) -> float | None:
    """A value; None where the layout says that it is missing.

    Raises:
        CellError: `currency`, `not_finite` or `not_a_number`.
    """
    text = cell.strip()
    if text in declared.missing:
        return None
    bare = text
    if declared.currency:
        bare = bare.removeprefix(declared.currency).removesuffix(declared.currency).strip()
        bare = bare.replace("-" + declared.currency, "-", 1)
    if declared.thousands:
        bare = bare.replace(declared.thousands, "")
    number = None
    if declared.decimal == "." or "." not in bare:
        with suppress(ValueError):
            number = float(bare.replace(declared.decimal, "."))
    if number is not None and "_" not in bare:
        if not math.isfinite(number):
            raise CellError("not_finite", f"{text!r} is not a finite number; leave the cell empty if it is not known")
        return number
    sign = _SIGNS.search(text)
    if sign is not None:
        raise CellError(
            "currency", f"{text!r} carries {sign.group()!r}; declare it as `currency` in the layout, or remove it"
        )
    raise CellError(
        "not_a_number", f"{text!r} is not a number; `decimal` and `thousands` of the layout say how numbers are written"
    )


@lru_cache(maxsize=100_000)
def parse_month(cell: str, formats: Sequence[str]) -> tuple[int, int]:
    """The month's number and the day of the month (1 where only a month is written); `formats` as a tuple.

    Raises:
        CellError: `not_a_month`.
    """
    text = cell.strip()
    for form in formats:
        with suppress(ValueError):
            day = dt.datetime.strptime(text, form)  # noqa: DTZ007 - a month has no time zone
            return months.of_date(day.date()), day.day
    raise CellError("not_a_month", f"{text!r} is not a month as the layout writes it ({', '.join(formats)})")
