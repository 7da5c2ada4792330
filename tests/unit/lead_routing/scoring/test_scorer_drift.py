from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from workers.lead_routing.scoring.drift import DriftReport, check_drift, psi, psi_limit
from workers.lead_routing.scoring.errors import DataError, SchemaError
from workers.lead_routing.scoring.schema import Schema
from workers.lead_routing.scoring.table import Table, build_table
from workers.lead_routing.scoring.training import Recipe, Trained, score_table, train

MakeLeads = Callable[..., list[dict[str, object]]]


def report(trained: Trained, recent: Table) -> DriftReport:
    return check_drift(trained.payload, recent, score_table(trained.payload, recent))


def drifted(found: DriftReport) -> set[str]:
    return {finding.what for finding in found.findings if finding.drifted}


@pytest.mark.parametrize("rows", [150, 1000])
@pytest.mark.parametrize("seed", range(10, 20))
def test_it_is_silent_on_leads_like_the_old_ones(
    trained: Trained, make_leads: MakeLeads, schema: Schema, rows: int, seed: int
) -> None:
    found = report(trained, build_table(make_leads(rows, seed=seed, start=3000), schema))
    assert not found.drifted, [f.text for f in found.findings if f.drifted]
    assert found.advice == "No limit was passed; nothing needs doing."


def test_a_changed_mix_is_named(trained: Trained, make_leads: MakeLeads, schema: Schema) -> None:
    leads = make_leads(1000, seed=5, start=3000, sources=("trade_show", "cold_list"))
    found = report(trained, build_table(leads, schema))
    assert "source" in drifted(found)
    text = next(f.text for f in found.findings if f.what == "source")
    assert "most moved:" in text
    assert "run `fairlead scorer retrain`" in found.advice


def test_a_field_no_longer_filled_is_named(trained: Trained, make_leads: MakeLeads, schema: Schema) -> None:
    leads = [{**lead, "company": {}} for lead in make_leads(1000, seed=5, start=3000)]
    found = report(trained, build_table(leads, schema))
    assert drifted(found) == {"employees", "annual_revenue"}
    assert "missing" in found.findings[0].text
    assert "no longer filled" in found.advice


def test_a_new_category_is_named(trained: Trained, make_leads: MakeLeads, schema: Schema) -> None:
    leads = [{**lead, "channel": "pigeon"} for lead in make_leads(500, seed=5, start=3000)]
    found = report(trained, build_table(leads, schema))
    assert drifted(found) == {"channel"}


def test_a_jump_of_the_base_rate_is_label_rate_and_calibration(
    trained: Trained, make_leads: MakeLeads, schema: Schema
) -> None:
    found = report(trained, build_table(make_leads(1000, seed=6, start=3000, rate=0.0), schema))
    assert drifted(found) == {"label_rate", "calibration"}
    assert "too low" in next(f.text for f in found.findings if f.what == "calibration")
    assert "outcomes moved away" in found.advice


@pytest.mark.slow
def test_real_leads_drift_where_the_base_rate_jumps_and_not_when_shuffled(bank: Table) -> None:
    recipe = Recipe(rounds=60, members=1)
    sixty = round(len(bank) * 0.6)
    made = train(bank.take(np.arange(sixty)), window=8000, recipe=recipe)
    later = report(made, bank.last(2000))
    assert {"label_rate", "calibration", "euribor3m"} <= drifted(later)
    shuffled = np.random.default_rng(2).permutation(len(bank))
    mixed = train(bank.take(shuffled[:8000]), recipe=recipe)
    assert not drifted(report(mixed, bank.take(shuffled[8000:10000])))


def test_psi() -> None:
    same = np.array([0.5, 0.3, 0.2])
    assert psi(same, same) == 0
    assert psi(same, np.array([0.2, 0.3, 0.5])) == pytest.approx(0.3 * np.log(2.5) * 2)
    assert psi_limit(10, 5000, 2000) == 0.2
    # chi-square quantile 27.88 (9 degrees, 0.1 %) times 1/100 + 1/2000
    assert psi_limit(10, 100, 2000) == pytest.approx(27.88 * 0.0105, rel=0.01)


def test_too_few_rows_or_another_schema_are_refused(
    trained: Trained, make_leads: MakeLeads, schema: Schema, bank: Table
) -> None:
    with pytest.raises(DataError, match="at least 100"):
        report(trained, build_table(make_leads(50), schema))
    with pytest.raises(SchemaError, match="another feature schema"):
        check_drift(trained.payload, bank.last(200), np.zeros(200))
