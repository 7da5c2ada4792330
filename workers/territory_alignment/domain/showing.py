"""What people see of plans: figures in words, and rows of forms' tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workers.territory_alignment.domain.planning import Move, RepLoad, Scenario

FIGURES = {
    "changed_hands": ("Accounts that change hands", "{:,.0f}"),
    "changed_share": ("Of all with an owner", "{:.1%}"),
    "relationships_lost": ("Relationships lost", "{:.1%}"),
    "potential_moved": ("Potential that changes hands", "{:,.0f}"),
    "work_off": ("Work to move to be even", "{:.1%}"),
    "potential_off": ("Potential to move to be even", "{:.1%}"),
    "highest_load": ("Fullest rep, of capacity", "{:.0%}"),
    "lowest_load": ("Emptiest rep, of capacity", "{:.0%}"),
    "over_limit": ("Reps over their maximum", "{:,.0f}"),
    "travel_km": ("Km to an account, mean over work", "{:.1f}"),
    "without_owner": ("Accounts without an owner", "{:,.0f}"),
    "islands": ("Islands", "{:,.0f}"),
}
"""Figure → what people call it, and how it is written."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure of the scenarios side by side."""

    figure: str
    today: str
    proposed: str
    edited: str
    """Empty where nothing was edited."""


@dataclass(frozen=True, slots=True)
class MoveRow:
    """An account that changes hands."""

    account: str
    today: str
    new: str
    potential: str
    why: str


@dataclass(frozen=True, slots=True)
class RepRow:
    """What a rep has: today → by the plan."""

    rep: str
    accounts: str
    hours: str
    load: str
    potential: str


def figure_rows(scenarios: Sequence[Scenario]) -> list[FigureRow]:
    """Today, proposed and, if there is one, edited."""
    columns = [scenario.kpis for scenario in scenarios] + [{}] * (3 - len(scenarios))

    def shown(kpis: dict[str, float], name: str) -> str:
        return FIGURES[name][1].format(kpis[name]) if name in kpis else ""

    return [FigureRow(words, *(shown(kpis, name) for kpis in columns)) for name, (words, _) in FIGURES.items()]


def move_row(move: Move) -> MoveRow:
    """An account that changes hands, as a form shows it."""
    return MoveRow(
        account=f"{move.account} (key account)" if move.key_account else move.account,
        today=move.owner or "nobody",
        new=move.rep,
        potential=f"{move.potential:,.0f}",
        why=move.why,
    )


def rep_row(load: RepLoad) -> RepRow:
    """A rep, as a form shows it."""
    capacity = max(load.capacity, 1e-9)
    return RepRow(
        rep=f"{load.rep} {load.name}".strip(),
        accounts=f"{load.accounts_today} → {load.accounts}",
        hours=f"{load.hours_today:,.0f} → {load.hours:,.0f}",
        load=f"{load.hours_today / capacity:.0%} → {load.hours / capacity:.0%}",
        potential=f"{load.potential_today:,.0f} → {load.potential:,.0f}",
    )


def percent(share: float) -> str:
    """``3.4 %``."""
    return f"{100 * share:.1f} %"


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list of what is not empty."""
    return "\n".join(f"- {line}" for line in lines if line)
