"""CSV files to an organisation. What cannot be used is named with file, row and rule; the good part is read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from workers.spreadsheets import meant
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.organisation import Account, Organisation, Rep, Rules

ACCOUNT_COLUMNS = ("account", "latitude", "longitude", "potential", "workload")
REP_COLUMNS = ("rep", "latitude", "longitude", "capacity")
RULE_KINDS = ("named", "locked", "forbidden", "industry_skill", "maximum_load")
LATITUDE, LONGITUDE = 90.0, 180.0

Thing = TypeVar("Thing", Account, Rep)


@dataclass(frozen=True)
class Problem:
    """Something that was left out or is worth a look."""

    where: str
    """``accounts.csv, row 12``; the header is row 1."""
    rule: str
    """The name of what it breaks, such as ``missing_location``."""
    text: str


@dataclass(frozen=True)
class Table:
    """Rows of texts, and what people call the table."""

    name: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Reading:
    """What could be read, and what could not."""

    organisation: Organisation
    problems: tuple[Problem, ...]


class _RowError(Exception):
    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


def read_organisation(accounts: Path, reps: Path, rules: Path | None = None, *, name: str = "territories") -> Reading:
    """Read the files; columns are in docs/territory.md.

    Raises:
        InputError: if a file cannot be read or lacks a column, or nothing in it can be used.
    """
    return read_tables(
        Table(accounts.name, _table(accounts, ACCOUNT_COLUMNS)),
        Table(reps.name, _table(reps, REP_COLUMNS)),
        None if rules is None else Table(rules.name, _table(rules, ("rule",))),
        name=name,
    )


def read_tables(accounts: Table, reps: Table, rules: Table | None = None, *, name: str) -> Reading:
    """Read tables whose cells are texts, with the columns of the files.

    Raises:
        InputError: if nothing in them can be used.
    """
    problems: list[Problem] = []
    team = _things(reps.frame, reps.name, "rep", _rep, problems)
    found = _things(accounts.frame, accounts.name, "account", _account, problems)
    for account in found.values():
        if account.owner is not None and account.owner not in team:
            text = f"{account.id} belongs to {account.owner!r}, who is not in {reps.name}; it gets a new owner whatever the plan"
            problems.append(Problem(accounts.name, "owner_gone", text))
    ruled = Rules() if rules is None else _rules(rules.frame, rules.name, set(found), set(team), problems)
    for table, some in ((accounts, found), (reps, team)):
        if not some:
            first = f" The first: {problems[0].text}." if problems else ""
            raise InputError(f"{table.name}: no row can be used.{first}")
    return Reading(Organisation(tuple(found.values()), tuple(team.values()), ruled, name), tuple(problems))


def read_reps(path: Path) -> tuple[tuple[Rep, ...], tuple[Problem, ...]]:
    """Reps alone, and what could not be read.

    Raises:
        InputError: if the file cannot be read or lacks a column.
    """
    problems: list[Problem] = []
    return tuple(_things(_table(path, REP_COLUMNS), path.name, "rep", _rep, problems).values()), tuple(problems)


def _table(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig") as file:
            head = file.readline()
        # A word in quotes may hold the mark that others divide cells by.
        bare = re.sub(r'"[^"]*"', "", head)
        mark = max(",;\t", key=bare.count)
        frame = pd.read_csv(path, sep=mark, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path.name} is not a CSV file in UTF-8 with a header: {error}") from error
    frame.columns = [str(column).strip() for column in frame.columns]
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        raise InputError(
            f"{path.name} lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
        )
    return frame


def _rows(frame: pd.DataFrame) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines (the header is 1) and their cells."""
    for line, row in enumerate(frame.to_dict("records"), start=2):
        yield line, {str(name): meant(str(cell).strip()) for name, cell in row.items() if isinstance(cell, str)}


@contextmanager
def _noting(file: str, line: int, problems: list[Problem]) -> Iterator[None]:
    where = f"{file}, row {line}"
    try:
        yield
    except _RowError as error:
        problems.append(Problem(where, error.rule, f"{where}: {error}"))


def _things(
    frame: pd.DataFrame, file: str, kind: str, made: Callable[[Mapping[str, str]], Thing], problems: list[Problem]
) -> dict[str, Thing]:
    found: dict[str, Thing] = {}
    for line, row in _rows(frame):
        with _noting(file, line, problems):
            thing = made(row)
            if not thing.id:
                raise _RowError("missing_id", f"the column {kind!r} is empty; each row needs its own id")
            if thing.id in found:
                raise _RowError(f"duplicate_{kind}", f"{thing.id} is there twice; the first row counts")
            found[thing.id] = thing
    return found


def _number(row: Mapping[str, str], column: str, *, least: float = -math.inf, most: float = math.inf) -> float:
    text = row.get(column, "")
    try:
        number = float(text)
    except ValueError:
        rule = "missing_value" if not text else "not_a_number"
        what = "is empty" if not text else f"is {text!r}, not a number"
        raise _RowError(
            rule, f"{column} {what}; write it with a decimal point, and without separators or signs"
        ) from None
    if not math.isfinite(number) or "_" in text:
        raise _RowError("not_a_number", f"{column} is {text!r}; give a finite number")
    if number < least:
        raise _RowError(
            f"negative_{column}" if least == 0 else "out_of_range", f"{column} is {text}; it can't be below {least:g}"
        )
    if number > most:
        raise _RowError("out_of_range", f"{column} is {text}; it can't be above {most:g}")
    return number


def _location(row: Mapping[str, str], kind: str) -> tuple[float, float]:
    if not row.get("latitude") or not row.get("longitude"):
        raise _RowError(
            "missing_location", f"{row.get(kind)} has no location; it is left out, give latitude and longitude"
        )
    return (
        _number(row, "latitude", least=-LATITUDE, most=LATITUDE),
        _number(row, "longitude", least=-LONGITUDE, most=LONGITUDE),
    )


def _words(row: Mapping[str, str], column: str) -> frozenset[str]:
    return frozenset(word for word in re.split(r"[;|\s]+", row.get(column, "")) if word)


def _account(row: Mapping[str, str]) -> Account:
    latitude, longitude = _location(row, "account")
    years = row.get("relationship_years")
    return Account(
        id=row.get("account", ""),
        latitude=latitude,
        longitude=longitude,
        potential=_number(row, "potential", least=0),
        workload=_number(row, "workload", least=0),
        industry=row.get("industry", ""),
        skills=_words(row, "skills"),
        languages=_words(row, "languages"),
        owner=row.get("owner") or None,
        relationship_years=_number(row, "relationship_years", least=0) if years else 0.0,
    )


def _rep(row: Mapping[str, str]) -> Rep:
    latitude, longitude = _location(row, "rep")
    if (capacity := _number(row, "capacity", least=0)) == 0:
        raise _RowError(
            "no_capacity", f"{row.get('rep')} has no capacity; leave the row out if the rep takes no accounts"
        )
    return Rep(
        id=row.get("rep", ""),
        latitude=latitude,
        longitude=longitude,
        capacity=capacity,
        name=row.get("name", ""),
        skills=_words(row, "skills"),
        languages=_words(row, "languages"),
        maximum_load=_number(row, "maximum_load", least=0) if row.get("maximum_load") else None,
    )


def _rules(frame: pd.DataFrame, file: str, accounts: set[str], reps: set[str], problems: list[Problem]) -> Rules:
    skills: dict[str, frozenset[str]] = {}
    named: dict[str, frozenset[str]] = {}
    locked: dict[str, str] = {}
    forbidden: set[tuple[str, str]] = set()
    most: float | None = Rules().maximum_load
    for line, row in _rows(frame):
        with _noting(file, line, problems):
            kind = row["rule"]
            if kind == "industry_skill":
                industry, asked = row.get("industry", ""), _words(row, "skills")
                if not industry or not asked:
                    raise _RowError("empty_rule", "an industry_skill rule needs the columns industry and skills filled")
                skills[industry] = skills.get(industry, frozenset()) | asked
            elif kind == "maximum_load":
                most = None if row.get("value") == "none" else _number(row, "value", least=1e-9)
            elif kind in RULE_KINDS:
                account, rep = row.get("account", ""), row.get("rep", "")
                if account not in accounts or rep not in reps:
                    who = f"account {account!r}" if account not in accounts else f"rep {rep!r}"
                    raise _RowError(
                        "unknown_name",
                        f"{who} of the {kind} rule is not among those that were read; the rule is left out",
                    )
                if kind == "locked" and locked.get(account, rep) != rep:
                    raise _RowError(
                        "locked_twice", f"{account} is locked to {locked[account]} already; the first row counts"
                    )
                if kind == "named":
                    named[account] = named.get(account, frozenset()) | {rep}
                elif kind == "locked":
                    locked[account] = rep
                else:
                    forbidden.add((account, rep))
            else:
                raise _RowError("unknown_rule", f"there is no rule {kind!r}; use one of {', '.join(RULE_KINDS)}")
    return Rules(skills, named, locked, frozenset(forbidden), most)
