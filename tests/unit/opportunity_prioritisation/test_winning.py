"""The win model: it learns what there is to learn, is calibrated, is the same for a seed, and says when it cannot learn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from pydantic import TypeAdapter

from tests.unit.opportunity_prioritisation.helpers import NOW, opportunity, sample_snapshots
from workers.opportunity_prioritisation.domain.winning import WinModel
from workers.opportunity_prioritisation.winning.snapshots import Snapshot, WinTrainingError, parts_of
from workers.opportunity_prioritisation.winning.training import Trained, calibration_error, reliability, train


@pytest.fixture(scope="module")
def snapshots() -> list[Snapshot]:
    return sample_snapshots()


@pytest.fixture(scope="module")
def trained(snapshots: list[Snapshot]) -> Trained:
    return train(snapshots, seed=1)


def test_it_beats_the_base_rate_on_later_data_and_is_calibrated(trained: Trained) -> None:
    held_out = trained.card["held_out"]
    assert held_out["auc"] > 0.8
    assert held_out["brier"] < 0.75 * held_out["brier_of_base_rate"]
    assert held_out["ece"] < 0.12
    assert sum(one["rows"] for one in held_out["calibration"]) == held_out["opportunities"]


def test_it_learns_nothing_where_there_is_nothing(snapshots: list[Snapshot]) -> None:
    random = np.random.default_rng(3)
    names = sorted({row.opportunity.id for row in snapshots})
    luck = dict(zip(names, random.random(len(names)) < 0.4, strict=True))
    held_out = train([replace(row, won=bool(luck[row.opportunity.id])) for row in snapshots], seed=1).card["held_out"]
    assert abs(held_out["auc"] - 0.5) < 0.12


def test_the_same_seed_gives_the_same_model_and_it_survives_json(trained: Trained, snapshots: list[Snapshot]) -> None:
    again = train(snapshots, seed=1)
    assert again.model == trained.model
    adapter = TypeAdapter(WinModel)
    read = adapter.validate_json(adapter.dump_json(trained.model))
    one = opportunity()
    assert read.chance(one, NOW) == trained.model.chance(one, NOW)


def test_what_speaks_for_it_is_said(trained: Trained) -> None:
    early = opportunity(stage="qualify", last_contact_at=NOW - timedelta(days=90))
    late = opportunity(stage="negotiate", last_contact_at=NOW - timedelta(days=2))
    assert trained.model.chance(early, NOW) < trained.model.chance(late, NOW)
    assert "the stage speaks for it" in trained.model.reasons(late, NOW)
    assert all("speaks" in reason for reason in trained.model.reasons(early, NOW))
    unknown = trained.model.chance(opportunity(source="carrier pigeon"), NOW)
    assert 0 < unknown < 1


def test_nothing_is_judged_by_what_it_was_fitted_to(snapshots: list[Snapshot]) -> None:
    parts = parts_of(snapshots, seed=1)
    assert max(row.closed_at for row in parts.fit) < parts.calibrate_from
    assert min(row.taken_at for row in parts.calibrate) >= parts.calibrate_from
    assert max(row.closed_at for row in parts.calibrate) < parts.test_from <= min(row.taken_at for row in parts.test)
    ids = [{row.opportunity.id for row in part} for part in (parts.fit, parts.calibrate, parts.test)]
    assert not ids[0] & ids[1] | ids[0] & ids[2] | ids[1] & ids[2]
    assert len(ids[2]) == len(parts.test), "one snapshot of each"


def test_too_little_is_said(snapshots: list[Snapshot]) -> None:
    few = {row.opportunity.id for row in snapshots[:500]}
    with pytest.raises(WinTrainingError, match=r"training needs 300\. Load more"):
        train([row for row in snapshots if row.opportunity.id in few], seed=1)
    with pytest.raises(WinTrainingError, match="0 of them won"):
        train([replace(row, won=False) for row in snapshots], seed=1)


def test_calibration_error_is_what_the_bins_miss() -> None:
    won = np.array([0.0] * 50 + [1.0] * 50)
    assert calibration_error(won, np.array([0.0] * 50 + [1.0] * 50)) == 0
    assert calibration_error(won, np.full(100, 0.5)) == pytest.approx(0.4)
    assert sum(rows for rows, _, _ in reliability(won, np.linspace(0, 1, 100))) == 100
