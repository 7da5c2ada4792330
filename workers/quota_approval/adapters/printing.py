"""Letters to reps as PDF, by fpdf2. Its font is DejaVu Sans of matplotlib, which has the letters of European names.

fpdf2 is imported when first used: every worker of this context imports this module, only one prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path

from workers.quota_approval.domain.showing import money, signed

_FONT = "mpl-data/fonts/ttf/DejaVuSans.ttf"


@dataclass(frozen=True, slots=True)
class Quota:
    """What a letter tells. Amounts in cents."""

    quota: int
    last_quota: int | None
    period: str
    valid_from: date
    valid_until: date


def letter_pdf(organisation: str, currency: str, name: str, quota: Quota, version: str, at: datetime) -> bytes:
    """One page. The same letter has the same bytes: its date is the one given."""
    from fpdf import FPDF  # noqa: PLC0415 - see the module's docstring

    page = FPDF(format="A4")
    page.set_creation_date(at)
    page.set_title(f"Quota {quota.period}: {name}")
    page.set_author(organisation)
    page.add_font("letters", fname=str(_font()))
    page.add_page()
    page.set_font("letters", size=11)
    page.multi_cell(0, 7, f"{organisation}\n{at:%d %B %Y}", new_x="LMARGIN", new_y="NEXT")
    page.ln(12)
    page.multi_cell(0, 7, f"Dear {name},", new_x="LMARGIN", new_y="NEXT")
    page.ln(3)
    page.set_font("letters", size=14)
    page.multi_cell(
        0, 9, f"Your quota for {quota.period} is {money(quota.quota, currency)}.", new_x="LMARGIN", new_y="NEXT"
    )
    page.set_font("letters", size=11)
    page.ln(3)
    last = money(quota.last_quota, currency)
    change = signed(quota.quota / quota.last_quota - 1) if quota.last_quota else "the first one"
    for text in (
        f"It holds from {quota.valid_from:%d %B %Y} to {quota.valid_until:%d %B %Y}.",
        f"Last period: {last}; change: {change}.",
        "Your manager can tell you what it is made of, and what the odds are that it is attained.",
    ):
        page.multi_cell(0, 7, text, new_x="LMARGIN", new_y="NEXT")
    page.ln(15)
    page.set_font("letters", size=8)
    page.multi_cell(0, 5, f"Version {version}", new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())


def _font() -> Path:
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("Letters need the extra `planning`: pip install 'fairlead[planning]'.")
    return Path(spec.origin).parent / _FONT
