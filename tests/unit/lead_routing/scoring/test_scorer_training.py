from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from workers.lead_routing.scoring.errors import DataError
from workers.lead_routing.scoring.evaluation import cross_validate, hist_gradient_boosting, rolling_log_odds
from workers.lead_routing.scoring.metrics import calibration_error, measure, top_half_capture
from workers.lead_routing.scoring.model import Calibration, Scorer
from workers.lead_routing.scoring.schema import Schema
from workers.lead_routing.scoring.table import Floats, Table, build_table
from workers.lead_routing.scoring.training import (
    Recipe,
    Trained,
    choose_calibration,
    fit,
    forward,
    platt,
    score_table,
    sigmoid,
    train,
)

MakeLeads = Callable[..., list[dict[str, object]]]
SINGLE = Recipe(members=1)


def predictor(recipe: Recipe) -> Callable[[Table, Table], Floats]:
    return lambda past, block: fit(past, seed=1, recipe=recipe).log_odds(block)


def test_same_data_and_seed_give_the_same_bytes(
    trained: Trained, make_leads: MakeLeads, schema: Schema, quick: Recipe
) -> None:
    table = build_table(make_leads(3000), schema)
    again = train(table, seed=7, recipe=quick)
    assert again.artifact == trained.artifact
    assert again.version == trained.version
    other = train(table, seed=8, recipe=quick)
    assert other.version != trained.version


@pytest.mark.slow
def test_another_process_with_other_hashes_and_threads_gives_the_same_bytes(bank: Table, bank_file: Path) -> None:
    code = (
        "import hashlib, sys, pathlib\n"
        "from workers.lead_routing.scoring.schema import load_schema\n"
        "from workers.lead_routing.scoring.table import read_table\n"
        "from workers.lead_routing.scoring.training import Recipe, train\n"
        "table, _ = read_table(pathlib.Path(sys.argv[1]), load_schema('bank_marketing'))\n"
        "made = train(table, seed=3, window=4000, recipe=Recipe(rounds=20, members=1))\n"
        "print(hashlib.sha256(made.artifact).hexdigest())\n"
    )
    here = hashlib.sha256(train(bank, seed=3, window=4000, recipe=Recipe(rounds=20, members=1)).artifact).hexdigest()
    done = subprocess.run(
        [sys.executable, "-c", code, str(bank_file)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "2", "PATH": ""},
    )
    assert done.stdout.strip() == here


def test_the_future_does_not_change_the_past(make_leads: MakeLeads, schema: Schema, quick: Recipe) -> None:
    """Other outcomes and other features from row 1,500 on leave every score before it bit for bit the same."""
    leads = make_leads(2000)
    rng = np.random.default_rng(0)
    changed = [
        lead
        if i < 1500
        else {**lead, "converted": bool(rng.random() < 0.5), "channel": "pigeon", "company": {"employees": 4_000_000}}
        for i, lead in enumerate(leads)
    ]
    one, two = (forward(build_table(rows, schema), 1000, 250, predictor(quick)) for rows in (leads, changed))
    assert np.array_equal(one[:500], two[:500])
    assert not np.array_equal(one[500:], two[500:])


def test_a_block_is_predicted_without_its_outcomes_and_from_earlier_rows_only(
    make_leads: MakeLeads, schema: Schema
) -> None:
    table = build_table(make_leads(1000), schema)
    seen: list[tuple[float, float, int]] = []

    def predict(past: Table, block: Table) -> Floats:
        assert set(block.labels.tolist()) == {-1}
        seen.append((past.times[-1], block.times[0], len(past)))
        return np.zeros(len(block))

    forward(table, 600, 150, predict, window=400)
    assert [rows for _, _, rows in seen] == [400, 400, 400]
    assert all(past < block for past, block, _ in seen)


def test_categories_of_the_future_are_unknown(make_leads: MakeLeads, schema: Schema) -> None:
    leads = make_leads(500)
    leads += [{**lead, "channel": "pigeon"} for lead in make_leads(100, start=500)]
    table = build_table(leads, schema)
    assert "pigeon" not in table.take(np.arange(500)).fit_vocabulary()["channel"]
    assert "pigeon" in table.fit_vocabulary()["channel"]


def test_ids_and_labels_are_not_among_the_features(bank_schema: Schema, schema: Schema) -> None:
    assert not {"duration", "y"} & {f.name for f in bank_schema.features}
    assert not {"lead_id", "email", "converted", "received_at"} & {f.name for f in schema.features}


@pytest.mark.slow
def test_auc_bars_on_real_leads(bank: Table) -> None:
    """The quick form: one booster instead of three; `docs/scorer.md` has the full figures."""
    folds = cross_validate(bank, predictor(SINGLE))
    assert folds.auc >= 0.80
    assert folds.ece <= 0.02
    assert folds.top_half_capture >= 0.80
    labels, log_odds = rolling_log_odds(bank, predictor(SINGLE), every=250)
    rolling = measure(labels, sigmoid(log_odds))
    assert rolling.rows == round(len(bank) * 0.4)
    assert rolling.auc >= 0.79


@pytest.mark.slow
def test_the_scikit_learn_alternative_runs_on_the_same_rows(make_leads: MakeLeads, schema: Schema) -> None:
    metrics = cross_validate(build_table(make_leads(1500), schema), hist_gradient_boosting(1), folds=3)
    assert metrics.auc > 0.65


def test_one_by_one_and_all_at_once_agree_on_real_leads(
    bank: Table, bank_rows: list[Mapping[str, object]], bank_schema: Schema
) -> None:
    made = train(bank, window=3000, recipe=Recipe(rounds=30, members=2))
    scorer = Scorer.from_bytes(made.artifact)
    batch = score_table(made.payload, bank.last(200))
    assert [scorer.score(row).score for row in bank_rows[-200:]] == pytest.approx(batch.tolist(), abs=1e-9)
    # A lead of the gateway carries the same values as attributes.
    nested = {"attributes": {f.name: bank_rows[-1][f.name] for f in bank_schema.features}}
    assert scorer.score(nested).score == scorer.score(bank_rows[-1]).score


def test_calibration_mends_a_distorted_score_and_leaves_a_good_one() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(-1, 1.5, 4000)
    labels = (rng.random(4000) < sigmoid(truth)).astype(np.int64)
    found = platt(labels, 2 * truth + 1)
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.intercept == pytest.approx(-0.5, abs=0.1)
    assert choose_calibration(labels, 2 * truth + 1) == found
    assert choose_calibration(labels[:30], truth[:30]) == Calibration()
    assert platt(labels, -truth) == Calibration()


def test_measures() -> None:
    labels = np.array([0, 0, 1, 1])
    assert top_half_capture(labels, np.array([0.1, 0.2, 0.8, 0.9])) == 1.0
    assert calibration_error(labels, np.array([0.0, 0.0, 1.0, 1.0])) == 0.0
    assert calibration_error(labels, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5


def test_too_few_rows_or_one_outcome_are_refused(make_leads: MakeLeads, schema: Schema) -> None:
    leads = make_leads(400)
    with pytest.raises(DataError, match="150 rows with an outcome are too few"):
        train(build_table(leads, schema), window=150)
    with pytest.raises(DataError, match="newest 80 rows hold only one outcome"):
        train(build_table([*leads[:320], *({**lead, "converted": False} for lead in leads[320:])], schema))
    with pytest.raises(DataError, match="'converted'"):
        build_table([{**lead, "converted": False} for lead in leads], schema)
