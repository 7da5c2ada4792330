"""Scenarios side by side: now, proposed, edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import pandas as pd

from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.kpis import Kpis
from workers.territory_alignment.solving.plan import Plan

WORDS = {
    "accounts": "accounts",
    "without_owner": "without an owner",
    "work_off": "work to move to be even",
    "potential_off": "potential to move to be even",
    "highest_load": "fullest rep, of capacity",
    "lowest_load": "emptiest rep, of capacity",
    "over_limit": "reps over their maximum",
    "travel_km": "km, mean over work",
    "changed_hands": "accounts that change hands",
    "changed_share": "of all with an owner",
    "relationships_lost": "relationships lost",
    "potential_moved": "potential that changes hands",
    "islands": "islands",
}
"""What each figure of `Kpis` is called."""


def compare(plans: Sequence[Plan]) -> pd.DataFrame:
    """Figures (rows, named as in `Kpis`, then score, bound and gap) of today and of each plan (columns).

    Raises:
        InputError: if the plans are of different accounts.
    """
    first = plans[0]
    for plan in plans[1:]:
        if set(plan.accounts["account"]) != set(first.accounts["account"]):
            raise InputError(f"{first.version} and {plan.version} are not of the same accounts, so cannot be compared")
    columns = {"today": first.card["today"]} | {plan.version: plan.card["kpis"] | _proof(plan) for plan in plans}
    order = [field.name for field in fields(Kpis)] + ["score", "bound", "gap"]
    return pd.DataFrame(columns).reindex(order)


def _proof(plan: Plan) -> dict[str, float | None]:
    return {name: plan.card[name] for name in ("score", "bound", "gap")}


def differences(older: Plan, newer: Plan) -> pd.DataFrame:
    """Accounts whose rep differs: `account, from_rep, to_rep, workload, potential, why`, the largest potential first."""
    both = older.accounts[["account", "rep"]].merge(
        newer.accounts[["account", "rep", "workload", "potential", "why"]], on="account", suffixes=("_before", "")
    )
    moved = both[both["rep_before"] != both["rep"]]
    named = moved.rename(columns={"rep_before": "from_rep", "rep": "to_rep"})
    columns = ["account", "from_rep", "to_rep", "workload", "potential", "why"]
    return named[columns].sort_values("potential", ascending=False, kind="stable").reset_index(drop=True)
