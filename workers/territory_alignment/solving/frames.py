"""An organisation as data frames and back, and as the CSV files that `reading` reads."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

import pandas as pd

from workers.spreadsheets import write_frame
from workers.territory_alignment.solving.organisation import Account, Organisation, Rep, Rules


def account_frame(organisation: Organisation) -> pd.DataFrame:
    """One row an account, with the columns of accounts.csv."""
    return pd.DataFrame(
        {
            "account": one.id,
            "latitude": one.latitude,
            "longitude": one.longitude,
            "potential": one.potential,
            "workload": one.workload,
            "industry": one.industry,
            "skills": _joined(one.skills),
            "languages": _joined(one.languages),
            "owner": one.owner or "",
            "relationship_years": one.relationship_years,
        }
        for one in organisation.accounts
    )


def rep_frame(organisation: Organisation) -> pd.DataFrame:
    """One row a rep, with the columns of reps.csv."""
    return pd.DataFrame(
        {
            "rep": one.id,
            "name": one.name,
            "latitude": one.latitude,
            "longitude": one.longitude,
            "skills": _joined(one.skills),
            "languages": _joined(one.languages),
            "capacity": one.capacity,
            "maximum_load": float("nan") if one.maximum_load is None else one.maximum_load,
        }
        for one in organisation.reps
    )


def rule_frame(organisation: Organisation) -> pd.DataFrame:
    """One row a rule, with the columns of rules.csv."""
    rules = organisation.rules
    rows = [{"rule": "maximum_load", "value": "none" if rules.maximum_load is None else repr(rules.maximum_load)}]
    rows += [
        {"rule": "industry_skill", "industry": industry, "skills": _joined(skills)}
        for industry, skills in sorted(rules.industry_skills.items())
    ]
    for kind, pairs in (
        ("named", [(account, rep) for account, team in rules.named.items() for rep in team]),
        ("locked", list(rules.locked.items())),
        ("forbidden", list(rules.forbidden)),
    ):
        rows += [{"rule": kind, "account": account, "rep": rep} for account, rep in sorted(pairs)]
    return pd.DataFrame(rows, columns=["rule", "account", "rep", "industry", "skills", "value"]).fillna("")


def organisation_of(accounts: pd.DataFrame, reps: pd.DataFrame, rules: pd.DataFrame, name: str) -> Organisation:
    """The organisation that the frames were made from; they may have more columns."""
    named: dict[str, frozenset[str]] = {}
    locked: dict[str, str] = {}
    forbidden: set[tuple[str, str]] = set()
    skills: dict[str, frozenset[str]] = {}
    most: float | None = None
    for row in rules.to_dict("records"):
        account, rep = str(row["account"]), str(row["rep"])
        match row["rule"]:
            case "named":
                named[account] = named.get(account, frozenset()) | {rep}
            case "locked":
                locked[account] = rep
            case "forbidden":
                forbidden.add((account, rep))
            case "industry_skill":
                skills[str(row["industry"])] = _set(row["skills"])
            case _:
                most = None if row["value"] == "none" else float(row["value"])
    return Organisation(
        tuple(
            Account(
                str(row["account"]), float(row["latitude"]), float(row["longitude"]), float(row["potential"]),
                float(row["workload"]), str(row["industry"]), _set(row["skills"]), _set(row["languages"]),
                str(row["owner"]) or None, float(row["relationship_years"]),
            )
            for row in accounts.to_dict("records")
        ),
        tuple(
            Rep(
                str(row["rep"]), float(row["latitude"]), float(row["longitude"]), float(row["capacity"]), str(row["name"]),
                _set(row["skills"]), _set(row["languages"]),
                None if pd.isna(row["maximum_load"]) else float(row["maximum_load"]),
            )
            for row in reps.to_dict("records")
        ),
        Rules(skills, named, locked, frozenset(forbidden), most),
        name,
    )  # fmt: skip


def write_files(organisation: Organisation, folder: Path) -> None:
    """Write accounts.csv, reps.csv and rules.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (
        ("accounts", account_frame(organisation)),
        ("reps", rep_frame(organisation)),
        ("rules", rule_frame(organisation)),
    ):
        write_frame(folder / f"{name}.csv", frame)


def _joined(words: AbstractSet[str]) -> str:
    return ";".join(sorted(words))


def _set(cell: object) -> frozenset[str]:
    return frozenset(word for word in str(cell).split(";") if word)
