"""A sample organisation with four years of history, from a seed.

Stated assumptions (nothing here is real):

* Five levels: company, regions, countries, teams of about ten, reps. Six segments; a rep's territory lies in one or two.
* A territory's potential is lognormal (sigma 0.5) and known with an error of 12 %. The forecast of a segment is 30 % of
  its potential, grows by 4 % a year and has a season; vacant territories are 2 % of the potential.
* A segment's year comes 5 to 9 % off (standard deviation), with a correlation of 0.4 between segments; months scatter by
  another 6 %, each by itself. The forecast's intervals say so, month by month.
* A rep sells in deals: their number is Poisson (16 a year in a usual territory), their size lognormal (sigma 0.7). People
  differ by 12 % for good. 40 % of what comes lies in the pipeline when the year is planned, each opportunity with a
  chance that holds; one in four of those is open.
* An eighth of the reps are new each year, hired from October before to June; they are half productive in their third
  month and fully in their seventh.
* Quotas of earlier years were set by hand: what was expected, 3 % more, give or take 10 %.
* The first rep who stays keeps last year's quota as a cap, with a reason.
* Two people decide about quotas, by the log-ins of the local Camunda: demo as the director, act for finance.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.quota_approval.planning.expecting import NORMAL_80
from workers.quota_approval.planning.inputs import TABLES, TOTAL
from workers.quota_approval.planning.market import Floats
from workers.spreadsheets import write_rows

YEARS = (2023, 2024, 2025, 2026, 2027)
"""The last one is planned."""
SEGMENTS = ("chemicals", "health", "logistics", "machinery", "public", "retail")
TEAM, TEAMS, COUNTRIES = 10, 4, 4
"""Reps in a team, teams in a country, countries in a region."""
RAMP = (0.1, 0.3, 0.5, 0.65, 0.8, 0.9)
"""Productivity in the first months of service."""
_SEASON = np.array([0.8, 0.85, 1.15, 0.9, 0.95, 1.2, 0.8, 0.7, 1.1, 1.0, 1.1, 1.45])
_SURPRISE = np.linspace(0.05, 0.09, len(SEGMENTS))
_TOGETHER, _MONTHLY, _KNOWN, _SKILL = 0.4, 0.06, 0.12, 0.12
_PENETRATION, _GROWTH, _VACANT = 0.3, 1.04, 0.02
_DEALS, _SIZES, _VISIBLE = 16.0, 0.7, 0.4
_CHANCES = np.array([0.1, 0.25, 0.5, 0.8])
_NEW = 1 / 8


_PEOPLE = """login,name,email,role,node
demo,Dora Director,demo@fairlead.example,director,
act,Fina Finance,act@fairlead.example,finance,
"""


@dataclass
class _Territory:
    """One rep's place, whoever holds it."""

    team: str
    potential: Floats
    """By segment, true."""
    known: Floats
    rep: str
    hired: dt.date
    skill: float


def write_sample(folder: Path, *, reps: int, seed: int) -> None:
    """Write all tables and `rules.yaml` of a sample organisation; the same seed gives the same files."""
    random = np.random.default_rng([seed, reps])
    units, teams = _tree(reps)
    places = _territories(random, teams)
    tables: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}
    tables["units"] = units
    tables["ramp"] = [{"month": i + 1, "productivity": share} for i, share in enumerate(RAMP)]
    for year in YEARS:
        if year > YEARS[0]:
            _renew(random, places, year)
        _year(random, tables, places, year)
    tables["bounds"] = [_capped(tables["results"], places)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        _write(folder / f"{name}.csv", name, rows)
    (folder / "people.csv").write_text(_PEOPLE, encoding="utf-8")
    total = sum(float(str(row["value"])) for row in _planned(tables["forecast"]) if row["segment"] == TOTAL)
    (folder / "rules.yaml").write_text(_RULES.format(target=round(total * 0.93, -3)), encoding="utf-8")


def _tree(reps: int) -> tuple[list[dict[str, object]], list[str]]:
    count = max(1, round(reps / TEAM))
    countries = -(-count // TEAMS)
    regions = -(-countries // COUNTRIES)
    rows: list[dict[str, object]] = [{"unit": "company", "parent": "", "level": "company", "name": "The company"}]
    rows += [
        {"unit": f"R{r + 1}", "parent": "company", "level": "region", "name": f"Region {r + 1}"} for r in range(regions)
    ]
    rows += [
        {"unit": f"C{c + 1:02}", "parent": f"R{c // COUNTRIES + 1}", "level": "country", "name": f"Country {c + 1}"}
        for c in range(countries)
    ]
    rows += [
        {"unit": f"T{t + 1:03}", "parent": f"C{t // TEAMS + 1:02}", "level": "team", "name": f"Team {t + 1}"}
        for t in range(count)
    ]
    return rows, [f"T{i * count // reps + 1:03}" for i in range(reps)]


def _territories(random: np.random.Generator, teams: Sequence[str]) -> list[_Territory]:
    found = []
    for i, team in enumerate(teams):
        potential = np.zeros(len(SEGMENTS))
        chosen = random.choice(len(SEGMENTS), 1 + int(random.random() < 0.4), replace=False)
        size = 3_000_000 * random.lognormal(0, 0.5)
        potential[chosen] = size * random.dirichlet(np.full(len(chosen), 4.0))
        known = potential * random.lognormal(-(_KNOWN**2) / 2, _KNOWN)
        hired = dt.date(2015 + int(random.integers(7)), 1 + int(random.integers(12)), 1)
        found.append(_Territory(team, potential, known, f"P{i + 1:05}", hired, _skill(random)))
    return found


def _skill(random: np.random.Generator) -> float:
    return float(random.lognormal(-(_SKILL**2) / 2, _SKILL))


def _renew(random: np.random.Generator, places: Sequence[_Territory], year: int) -> None:
    for i, place in enumerate(places):
        if random.random() < _NEW:
            month = int(random.integers(-2, 7))
            place.rep = f"P{i + 1:05}-{year}"
            place.hired = dt.date(year, month, 1) if month > 0 else dt.date(year - 1, 12 + month, 1)
            place.skill = _skill(random)


def _year(
    random: np.random.Generator, tables: dict[str, list[dict[str, object]]], places: Sequence[_Territory], year: int
) -> None:
    known = np.array([place.known for place in places])
    true = np.array([place.potential for place in places])
    forecast = true.sum(axis=0) * (1 + _VACANT) * _PENETRATION * _GROWTH ** (year - YEARS[0])
    season = _SEASON / _SEASON.sum()
    tables["forecast"] += _forecast(forecast, season, year)
    vacant = true.sum(axis=0) * _VACANT
    tables["territories"] += [
        {"period": year, "rep": rep, "segment": segment, "potential": round(float(value), 2)}
        for rep, row in [*((place.rep, place.known) for place in places), ("", vacant)]
        for segment, value in zip(SEGMENTS, row, strict=True)
        if value > 0
    ]
    tables["reps"] += [
        {
            "period": year,
            "rep": p.rep,
            "name": f"Rep {p.rep[1:]}",
            "unit": p.team,
            "hired": p.hired.isoformat(),
            "left": "",
        }
        for p in places
    ]
    loading = np.linalg.cholesky(_correlation())
    surprise = 1 + _SURPRISE * (loading @ random.standard_normal(len(SEGMENTS)))
    productive = np.array([[_productivity(place.hired, year, m) for m in range(1, 13)] for place in places]) @ season
    share = known / (known.sum(axis=0) + vacant)
    expected = (share * forecast).sum(axis=1) * productive
    mean = (true / (true.sum(axis=0) * (1 + _VACANT)) * forecast * surprise).sum(axis=1) * productive
    mean *= np.array([place.skill for place in places])
    usual = float(np.median(expected)) / _DEALS
    results: dict[str, dict[str, float]] = {}
    for i, place in enumerate(places):
        seen, won = _pipeline(random, float(mean[i]) * _VISIBLE, usual, place, year)
        tables["pipeline"] += seen
        rest = random.poisson(float(mean[i]) * (1 - _VISIBLE) / usual)
        came = won + float(_sizes(random, usual, int(rest)).sum())
        quota = round(float(expected[i]) * 1.03 * random.lognormal(0, 0.1), -3)
        results[place.rep] = {"quota": quota, "result": round(came, 2)}
    if year != YEARS[-1]:
        tables["results"] += [{"period": year, "node": rep, **row} for rep, row in results.items()]
        tables["results"] += _units(tables["units"], places, results, year)


def _correlation() -> Floats:
    found: Floats = np.full((len(SEGMENTS), len(SEGMENTS)), _TOGETHER) + (1 - _TOGETHER) * np.eye(len(SEGMENTS))
    return found


def _forecast(forecast: Floats, season: Floats, year: int) -> Iterable[dict[str, object]]:
    total = np.sqrt((forecast * _SURPRISE) @ _correlation() @ (forecast * _SURPRISE)) / forecast.sum()
    rows = [*zip(SEGMENTS, forecast, _SURPRISE, strict=True), (TOTAL, forecast.sum(), total)]
    for segment, value, spread in rows:
        half = NORMAL_80 * np.sqrt(spread**2 + _MONTHLY**2)
        for month in range(12):
            middle = float(value * season[month])
            yield {
                "period": year,
                "segment": segment,
                "month": f"{year}-{month + 1:02}",
                "value": round(middle, 2),
                "lo80": round(middle * (1 - half), 2),
                "hi80": round(middle * (1 + half), 2),
            }


def _productivity(hired: dt.date, year: int, month: int) -> float:
    service = (year - hired.year) * 12 + month - hired.month
    return 0.0 if service < 0 else RAMP[service] if service < len(RAMP) else 1.0


def _sizes(random: np.random.Generator, usual: float, count: int) -> Floats:
    found: Floats = usual * random.lognormal(-(_SIZES**2) / 2, _SIZES, count)
    return found


def _pipeline(
    random: np.random.Generator, mean: float, usual: float, place: _Territory, year: int
) -> tuple[list[dict[str, object]], float]:
    """Opportunities whose chances hold, and what is won of them."""
    chances = random.choice(_CHANCES, random.poisson(mean / usual / float(_CHANCES.mean())))
    amounts = _sizes(random, usual, len(chances))
    won = float(amounts[random.random(len(chances)) < chances].sum())
    rows: list[dict[str, object]] = [
        {
            "period": year,
            "rep": place.rep,
            "opportunity": f"{year}-{place.rep}-{k + 1}",
            "amount": round(float(amount), 2),
            "probability": chance,
            "closes": f"{year}-{int(random.integers(1, 10)):02}",
        }
        for k, (amount, chance) in enumerate(zip(amounts, chances, strict=True))
    ]
    return rows, won


def _units(
    units: Sequence[dict[str, object]], places: Sequence[_Territory], results: dict[str, dict[str, float]], year: int
) -> Iterable[dict[str, object]]:
    """Units had the sum of their reps' quotas, less 5 %."""
    parents = {str(row["unit"]): str(row["parent"]) for row in units}
    sums = dict.fromkeys(parents, 0.0)
    came = dict.fromkeys(parents, 0.0)
    for place in places:
        at = place.team
        while at:
            sums[at] += results[place.rep]["quota"]
            came[at] += results[place.rep]["result"]
            at = parents[at]
    for unit, total in sums.items():
        yield {"period": year, "node": unit, "quota": round(total * 0.95, 2), "result": round(came[unit], 2)}


def _capped(results: Sequence[dict[str, object]], places: Sequence[_Territory]) -> dict[str, object]:
    last = {row["node"]: row["quota"] for row in results if row["period"] == YEARS[-2]}
    rep = next(place.rep for place in places if place.rep in last)
    return {"node": rep, "cap": last[rep], "reason": "four days a week"}


def _planned(rows: Iterable[dict[str, object]]) -> Iterable[dict[str, object]]:
    return (row for row in rows if row["period"] == YEARS[-1])


def _write(path: Path, name: str, rows: Sequence[dict[str, object]]) -> None:
    columns = list(TABLES[name].model_fields)
    write_rows(path, columns, ([row.get(column, "") for column in columns] for row in rows))


_RULES = """\
# How the sample company splits its quota; docs/quota.md explains each rule.
name: sample
period: "2027"
currency: EUR
target: {target:.2f}
buffers: {{region: 0.01, country: 0.01, team: 0.02, rep: 0.03}}   # over-assignment of a level's members
change: {{rep: {{up: 0.35, down: 0.20}}, team: {{up: 0.25, down: 0.15}}}}   # against last year
limits: {{rep: {{cap: 9000000}}}}
expected: {{team: {{floor: 0.7, cap: 1.4}}}}   # as shares of what is expected from below
steps: {{region: 1000, country: 1000, team: 1000, rep: 100}}
draws: 10000
seed: 1
"""
