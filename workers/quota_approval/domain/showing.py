"""What forms show of quotas: words and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.quota_approval.domain.cases import REASON_WORDS, Case


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table of figures."""

    what: str
    value: str


@dataclass(frozen=True, slots=True)
class RollUp:
    """What a unit carries, and what of it this quota's change moved."""

    unit: str
    quota: str
    members: str
    change: str


@dataclass(frozen=True, slots=True)
class Peer:
    """A member of the same unit."""

    name: str
    quota: str
    odds: str


def money(cents: int | None, currency: str = "") -> str:
    """Whole cents as people read them."""
    if cents is None:
        return "none"
    sign, rest = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}{rest // 100:,}.{rest % 100:02} {currency}".rstrip()


def percent(share: float | None) -> str:
    """A share as a percentage."""
    return "unknown" if share is None else f"{share:.0%}"


def signed(share: float | None) -> str:
    """A change as a percentage."""
    return "unknown" if share is None else f"{share:+.1%}"


def lines(case: Case, currency: str) -> list[Line]:
    """The figures of a quota."""
    fact = case.fact
    found = [
        Line("Quota", money(case.quota, currency)),
        Line("As planned at first", money(case.first_quota, currency)),
        Line("Last period", money(fact.last_quota, currency)),
        Line("Change", signed(fact.change)),
        Line("Expected from below", money(fact.expected, currency)),
        Line("Odds of attainment", percent(fact.odds)),
        Line("Median quota of peers", money(fact.peer_quota, currency)),
        Line("Median odds of peers", percent(fact.peer_odds)),
        Line("Share of the whole", percent(fact.share_of_total)),
    ]
    return found + [Line("Rule", text) for text in fact.rules]


def why_text(case: Case) -> str:
    """Why a person is asked, as a Markdown list."""
    said = [case.why]
    if case.adjusted_by:
        reason = next((words for key, words in REASON_WORDS.items() if key == case.adjusted_why), case.adjusted_why)
        said.append(f"{case.adjusted_by} set it: {reason}")
    if case.objection:
        said.append(f"The rep objects: {case.objection}")
    if case.comment:
        said.append(f"Sent back: {case.comment}")
    return bullets(said)


def bullets(texts: Sequence[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {text}" for text in texts if text)
