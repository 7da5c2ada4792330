"""One run from inputs and rules to a finished plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from workers.quota_approval.planning.assembling import assemble
from workers.quota_approval.planning.basis import DRIVERS, Basis
from workers.quota_approval.planning.calibrating import calibrate
from workers.quota_approval.planning.errors import InputError
from workers.quota_approval.planning.expecting import Expectation, expect
from workers.quota_approval.planning.inputs import Inputs, Problem
from workers.quota_approval.planning.limits import collect, last_quotas
from workers.quota_approval.planning.market import Floats
from workers.quota_approval.planning.money import CENTS, cents
from workers.quota_approval.planning.odds import Odds, Past, fit
from workers.quota_approval.planning.organisation import build
from workers.quota_approval.planning.plan import QuotaPlan
from workers.quota_approval.planning.rules import Rules
from workers.quota_approval.planning.solving import solve


def run_plan(inputs: Inputs, rules: Rules, *, problems: Iterable[Problem] = ()) -> QuotaPlan:
    """Expect from below, learn the odds from history, split, round, simulate, explain.

    Raises:
        InputError: if the period, the tree or the rules cannot be used.
        ClashError: if no split keeps all rules.
    """
    told = list(problems)
    _check_period(inputs, rules)
    organisation, empty = build(inputs.units, inputs.of("reps", rules.period))
    rules.check_levels(organisation.order_of_levels())
    told += [Problem("units.csv", "no_reps", f"units.csv: {unit} has no rep below; it gets no quota") for unit in empty]
    expectation, found = expect(inputs, rules.period, organisation.reps, correlation=rules.correlation)
    told += found
    pasts = _pasts(inputs, rules, told)
    odds = fit(pasts)
    told += list(_judge(expectation, odds))
    outlook = odds.outlook(expectation)
    previous = pasts[-1].expectation if pasts else None
    limits = collect(inputs, rules, organisation, expectation, outlook.expected, previous)
    basis = Basis(
        organisation=organisation,
        rules=rules,
        odds=odds,
        outlook=outlook,
        segments=expectation.segments,
        drivers=_drivers(expectation, odds, outlook.expected),
        months=expectation.months,
        monthly=expectation.monthly,
        capacity=expectation.capacity,
        limits=tuple(limits),
        last=last_quotas(inputs, previous.period) if previous else {},
    )
    solved = solve(basis, cents(rules.target))
    return assemble(
        basis,
        solved,
        origin={"period": rules.period, "data_sha256": inputs.sha256},
        calibration=calibrate(pasts, _past_quotas(inputs, pasts), seed=rules.seed),
        problems=pd.DataFrame([asdict(one) for one in told], columns=["where", "rule", "text"]).astype(str),
    )


def _check_period(inputs: Inputs, rules: Rules) -> None:
    months = inputs.months
    if rules.period not in months:
        known = ", ".join(months) or "none"
        raise InputError(f"forecast.csv has no rows for period {rules.period}; it has {known}")
    taken = {month: period for period in _with_results(inputs) for month in months.get(period, ())}
    for month in months[rules.period]:
        if month in taken:
            raise InputError(
                f"{rules.period} has {month:%Y-%m}, for which {taken[month]} has quotas and results already; "
                "plan a period that begins after it"
            )


def _with_results(inputs: Inputs) -> set[str]:
    return {row.period for row in inputs.results}


def _pasts(inputs: Inputs, rules: Rules, told: list[Problem]) -> list[Past]:
    """Earlier periods with results, oldest first, each as it could be seen then; those without intervals are told."""
    first = inputs.months[rules.period][0]
    known = _with_results(inputs)
    found = []
    for period, months in inputs.months.items():
        if period in known and months[-1] < first:
            reps = sorted(rep.rep for rep in inputs.of("reps", period))
            came = {row.node: row.result for row in inputs.of("results", period)}
            results = np.array([float("nan") if came.get(rep) is None else float(came[rep] or 0) for rep in reps])
            try:
                then, _ = expect(inputs, period, reps, correlation=rules.correlation)
            except InputError as error:
                told.append(Problem("forecast.csv", "no_interval", f"{error}. The period is not learned from"))
            else:
                found.append(Past(then, results))
    return found


def _past_quotas(inputs: Inputs, pasts: Iterable[Past]) -> Mapping[str, Floats]:
    found = {}
    for past in pasts:
        quotas = last_quotas(inputs, past.expectation.period)
        found[past.expectation.period] = np.array([quotas.get(rep, np.nan) / CENTS for rep in past.expectation.reps])
    return found


def _drivers(expectation: Expectation, odds: Odds, expected: Floats) -> Floats:
    moved = expected / odds.level if odds.level else expected
    parts = {
        "territory": expectation.full,
        "ramp": expectation.territory - expectation.full,
        "pipeline": moved - expectation.territory,
        "history": expected - moved,
    }
    return np.column_stack([parts[name] for name in DRIVERS])


def _judge(expectation: Expectation, odds: Odds) -> Iterable[Problem]:
    if not odds.periods:
        text = "no earlier period has 30 results beside its forecast; how results scatter is assumed, not measured"
        yield Problem("results.csv", "not_calibrated", f"results.csv: {text}")
    for rep, full, capacity in zip(expectation.reps, expectation.full, expectation.capacity, strict=True):
        if full <= 0:
            text = f"{rep} has no territory with a forecast in {expectation.period}; only a floor or lock gives a quota"
            yield Problem(rep, "no_territory", f"territories.csv: {text}")
        elif capacity <= 0:
            text = f"{rep} is not at work in any month of {expectation.period}; only a floor or lock gives a quota"
            yield Problem(rep, "not_at_work", f"reps.csv: {text}")
