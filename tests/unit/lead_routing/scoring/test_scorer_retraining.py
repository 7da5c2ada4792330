from __future__ import annotations

from collections.abc import Callable

import pytest

from workers.lead_routing.scoring.errors import SchemaError
from workers.lead_routing.scoring.metrics import Metrics
from workers.lead_routing.scoring.retraining import auc_error, retrain
from workers.lead_routing.scoring.schema import Schema
from workers.lead_routing.scoring.table import build_table
from workers.lead_routing.scoring.training import Recipe, Trained, train

MakeLeads = Callable[..., list[dict[str, object]]]


def test_without_a_champion_the_challenger_takes_the_place(
    make_leads: MakeLeads, schema: Schema, quick: Recipe
) -> None:
    result = retrain(make_leads(1000), schema, recipe=quick)
    assert result.replace
    assert result.champion is None


def test_after_a_jump_the_challenger_replaces_the_champion(
    trained: Trained, make_leads: MakeLeads, schema: Schema, quick: Recipe
) -> None:
    rows = make_leads(3000) + make_leads(3000, seed=2, start=3000, rate=0.0)
    result = retrain(rows, schema, champion=trained.artifact, window=3000, recipe=quick)
    assert result.replace
    assert result.champion is not None
    assert result.challenger is not None
    assert result.challenger.brier < result.champion.brier
    assert f"replaces {trained.version}" in result.why


def test_a_worse_challenger_does_not_replace_the_champion(make_leads: MakeLeads, schema: Schema, quick: Recipe) -> None:
    rows = make_leads(8000)
    champion = train(build_table(rows[:7000], schema), recipe=quick)
    result = retrain(rows, schema, champion=champion.artifact, window=1500, recipe=Recipe(rounds=1, members=1))
    assert not result.replace
    assert "does not replace" in result.why


def test_a_champion_is_judged_on_outcomes_newer_than_it_only(
    trained: Trained, make_leads: MakeLeads, schema: Schema, quick: Recipe
) -> None:
    result = retrain(make_leads(3040), schema, champion=trained.artifact, recipe=quick)
    assert not result.replace
    assert "only 40 outcomes" in result.why
    more = retrain(make_leads(3300), schema, champion=trained.artifact, recipe=quick)
    assert more.champion is not None
    assert more.champion.rows == 300


def test_undecided_and_a_few_bad_rows_are_left_out(make_leads: MakeLeads, schema: Schema, quick: Recipe) -> None:
    rows = make_leads(1000)
    rows += [{**lead, "converted": None} for lead in make_leads(300, start=1000)]
    rows += [{**lead, "source": "smoke_signals"} for lead in make_leads(5, start=1300)]
    result = retrain(rows, schema, recipe=quick)
    assert (len(result.table), result.table.undecided, len(result.table.refused)) == (1000, 300, 5)


def test_other_features_cannot_be_compared(
    trained: Trained, make_leads: MakeLeads, schema: Schema, quick: Recipe
) -> None:
    narrower = schema.model_copy(update={"features": schema.features[:4]})
    with pytest.raises(SchemaError, match="other features"):
        retrain(make_leads(1000), narrower, champion=trained.artifact, recipe=quick)


def test_the_standard_error_of_an_auc() -> None:
    # Worked by hand: (0.16 + 49 x 0.0267 + 49 x 0.0711) / 2,500, and the root of it.
    assert auc_error(Metrics(100, 0.5, 0.8, 0, 0, 0)) == pytest.approx(0.045, abs=0.002)
    assert auc_error(Metrics(10_000, 0.5, 0.8, 0, 0, 0)) < 0.005
