from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.territory_alignment.solving.helpers import QUICK, best_by_looking
from workers.territory_alignment.solving.errors import InputError
from workers.territory_alignment.solving.gap import Instance, read_gap, solve_instance
from workers.territory_alignment.solving.model import Model
from workers.territory_alignment.solving.running import Limits


def instance(seed: int, agents: int, jobs: int) -> tuple[str, Model]:
    """As types C of the literature: resources from 5 to 25, costs from 10 to 50, capacities of 0.8 of an even share."""
    random = np.random.default_rng(seed)
    cost, work = random.integers(10, 51, (agents, jobs)), random.integers(5, 26, (agents, jobs))
    limit = np.ceil(0.9 * work.sum(axis=1) / agents)
    rows = [[agents, jobs], *cost.tolist(), *work.tolist(), limit.astype(int).tolist()]
    text = "\n".join(" ".join(map(str, row)) for row in rows) + "\n"
    return text, Model(cost.T.astype(float), work.T.astype(float), limit)


def test_each_agent_has_its_own_resources_and_the_best_is_found(tmp_path: Path) -> None:
    text, known = instance(1, 3, 7)
    (tmp_path / "c").write_text(text)
    (read,) = read_gap(tmp_path / "c")
    assert (read.model.cost == known.cost).all()
    assert (read.model.work == known.work).all()
    found = solve_instance(read, QUICK)
    assert found.cost == pytest.approx(best_by_looking(known))
    assert found.bound == pytest.approx(found.cost)
    assert known.value(found.owner) == found.cost


def test_several_in_a_file_and_profits(tmp_path: Path) -> None:
    made = [instance(seed, 3, 6) for seed in (2, 3)]
    (tmp_path / "gap").write_text("2\n" + "".join(text for text, _ in made))
    for read, (_, known) in zip(read_gap(tmp_path / "gap", maximise=True), made, strict=True):
        found = solve_instance(read, QUICK)
        best = -best_by_looking(Model(-known.cost, known.work, known.limit))
        assert found.cost == pytest.approx(best) == found.bound


def test_a_larger_one_comes_near_its_bound() -> None:
    _, known = instance(4, 8, 80)
    found = solve_instance(Instance(known, maximise=False), Limits(None, 5))
    assert known.value(found.owner) == found.cost
    assert found.bound <= found.cost <= 1.02 * found.bound
    assert found.bound == int(found.bound), "all figures are whole, so the bound is"


@pytest.mark.parametrize(
    ("text", "said"), [("3 4 1 2 3", "don't come out"), ("a b", "numbers only"), ("", "don't come out")]
)
def test_other_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(InputError, match=said):
        read_gap(tmp_path / "x")
