"""What forms show: figures as people read them. Pure; the values come from the database, the words from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workers.forecast_review.domain.composing import ACROSS, SEPARATOR, TOTAL
from workers.forecast_review.domain.history import Findings
from workers.forecast_review.domain.publication import ReleaseFacts
from workers.forecast_review.domain.reviews import Change, SegmentCase

YEARS = 5
"""Of history that a form shows."""
NOT_KNOWN = "-"


@dataclass(frozen=True, slots=True)
class MonthRow:
    """One month ahead; all texts."""

    month: str
    forecast: str
    interval: str
    last_year: str
    growth: str
    former: str


@dataclass(frozen=True, slots=True)
class YearRow:
    """One year of sales, or the months ahead."""

    year: str
    total: str
    growth: str


@dataclass(frozen=True, slots=True)
class FactRow:
    """One thing that is known of a segment."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class MonthFigure:
    """A month that a reviewer may set."""

    month: str
    value: float


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """One month of a change."""

    month: str
    forecast: str
    changed: str
    change: str
    interval: str


def number(value: float | None, *, like: float) -> str:
    """A figure with as many decimals as figures of the size of `like` deserve."""
    if value is None:
        return NOT_KNOWN
    digits = 0 if abs(like) >= 100 else 1 if abs(like) >= 10 else 2
    return f"{value:,.{digits}f}"


def interval(low: float | None, high: float | None, *, like: float) -> str:
    """``5,720 to 6,500``."""
    known = low is not None and high is not None
    return f"{number(low, like=like)} to {number(high, like=like)}" if known else NOT_KNOWN


def percent(share: object) -> str:
    """0.051 is ``+5.1 %``; None is not known."""
    return f"{share:+.1%}".replace("%", " %") if isinstance(share, int | float) else NOT_KNOWN


def relative(new: float, old: float | None) -> float | None:
    """By how much `new` is above `old`; None where that has no meaning."""
    return new / old - 1 if old is not None and old > 0 else None


def title(segment: str, organisation: str) -> str:
    """What people call a segment."""
    if segment == TOTAL:
        return f"{organisation}, all of it"
    return " / ".join("all" if part == ACROSS else part for part in segment.split(SEPARATOR))


def a_year_before(month: str) -> str:
    """``2018-01`` for ``2019-01``."""
    return f"{int(month[:4]) - 1}{month[4:]}"


def month_rows(case: SegmentCase) -> list[MonthRow]:
    """The months ahead beside the year before and the forecast published last."""
    like = max((abs(value) for value in case.base), default=0.0)
    rows = []
    for month, value, low, high in zip(case.months, case.base, case.low, case.high, strict=True):
        last = case.history.get(a_year_before(month))
        rows.append(
            MonthRow(
                month=month,
                forecast=number(value, like=like),
                interval=interval(low, high, like=like),
                last_year=number(last, like=like),
                growth=percent(relative(value, last)),
                former=number(case.former.get(month), like=like),
            )
        )
    return rows


def year_rows(case: SegmentCase) -> list[YearRow]:
    """Whole years of sales, the newest last, then as many months as lie ahead."""
    by_year: dict[str, list[float]] = {}
    for month, value in case.history.items():
        by_year.setdefault(month[:4], []).append(value)
    totals = {year: sum(values) for year, values in sorted(by_year.items()) if len(values) == 12}
    rows = [
        YearRow(year, number(total, like=total), percent(relative(total, totals.get(str(int(year) - 1)))))
        for year, total in list(totals.items())[-YEARS:]
    ]
    ahead = sum(case.base)
    before = [case.history.get(a_year_before(month)) for month in case.months]
    known = [value for value in before if value is not None]
    growth = relative(ahead, sum(known)) if len(known) == len(before) else None
    return [*rows, YearRow(f"Next {len(case.months)} months", number(ahead, like=ahead), percent(growth))]


def fact_rows(case: SegmentCase) -> list[FactRow]:
    """What the decision table went by, and what the model is."""
    facts = case.facts
    mase, half = facts.get("mase"), facts.get("uncertainty")
    return [
        FactRow("Share of the total", percent(facts.get("share")).lstrip("+")),
        FactRow("Model", str(facts.get("champion", NOT_KNOWN))),
        FactRow("Half of the 80 % interval", f"± {percent(half).lstrip('+')}" if half is not None else NOT_KNOWN),
        FactRow("Error in tests (MASE; below 1 beats last year's figures)", _plain(mase)),
        FactRow("Bias in tests", percent(facts.get("bias"))),
        FactRow("Change against the last version", percent(facts.get("change"))),
        FactRow("Newest months against the last version", percent(facts.get("surprise"))),
        FactRow("Findings in its sales", str(facts.get("findings", 0))),
    ]


def why_text(case: SegmentCase) -> str:
    """The table's reason and the facts behind it, as a Markdown list."""
    told = case.facts.get("why")
    return bullets([case.need_why, *(told if isinstance(told, list | tuple) else ())])


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list; empty without lines."""
    return "\n".join(f"- {line[:1].upper()}{line[1:]}" for line in lines if line)


def months_to_edit(case: SegmentCase) -> list[MonthFigure]:
    """The months ahead with the change that was made before, or else the forecast."""
    before = case.earlier.values if case.earlier is not None else {}
    return [MonthFigure(month, round(before.get(month, value), 2)) for month, value in case.forecast.items()]


def changed_rows(case: SegmentCase, change: Change) -> list[ChangedRow]:
    """The months ahead before and after a change."""
    like = max((abs(value) for value in case.base), default=0.0)
    rows = []
    for month, value, low, high in zip(case.months, case.base, case.low, case.high, strict=True):
        new = change.values.get(month, value)
        rows.append(
            ChangedRow(
                month=month,
                forecast=number(value, like=like),
                changed=number(new, like=like),
                change=percent(relative(new, value)) if month in change.values else "",
                interval=interval(low, high, like=like),
            )
        )
    return rows


def findings_text(findings: Findings | None) -> str:
    """How often each rule was met, as a Markdown list."""
    if findings is None:
        return ""
    words = [f"{one.rule.replace('_', ' ')}: {one.count}" for one in findings.by_rule]
    affected = (
        f"{findings.share_affected:.0%} of the segments are affected, {findings.share_fresh:.0%} in the newest year; "
        f"a rule would repair {findings.share_repairable:.1%} of all months"
    )
    return bullets([*words, affected])


def finding_rows(findings: Findings | None) -> list[dict[str, str]]:
    """The worst findings, one row each."""
    return [
        {
            "series": one.series,
            "month": one.month or "all",
            "text": one.text,
            "value": number(one.value, like=one.value or 0),
            "repaired": number(one.repaired, like=one.repaired or 0),
        }
        for one in (findings.worst if findings else ())
    ]


def release_text(facts: ReleaseFacts, unit: str) -> str:
    """A version in figures, as a Markdown list."""
    lines = [f"In all: {number(facts.total, like=facts.total)} {unit}".rstrip()]
    if facts.change_percent_to_former is None:
        lines.append("Nothing was published before")
    else:
        lines.append(f"Against the version published before: {facts.change_percent_to_former:+.1f} %")
    lines.append(
        f"People changed {facts.overrides} segments, {facts.change_percent_to_base:+.1f} % in all"
        if facts.overrides
        else "Nobody changed what the models said"
    )
    return bullets(lines)


def sent_back_text(parts: Sequence[tuple[str, str | None]]) -> str:
    """Why a segment comes again, as a Markdown list: who says so, and what."""
    return bullets([f"{who}: {text}" for who, text in parts if text])


def _plain(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else NOT_KNOWN


REASON_WORDS: Mapping[str, str] = {
    "promotion": "Promotion or campaign",
    "price_change": "Price change",
    "new_customer": "New customer or contract",
    "lost_customer": "Lost customer or contract",
    "new_product": "New or discontinued product",
    "supply_limit": "Supply or capacity limit",
    "market_event": "Event in the market, weather, law",
    "one_off_in_history": "Something in the past will not happen again",
    "wrong_data": "The sales are wrong",
    "other": "Something else",
}
"""As the form calls them."""
