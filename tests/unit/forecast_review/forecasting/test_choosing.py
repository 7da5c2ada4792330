from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.forecast_review.forecasting.helpers import history
from workers.forecast_review.forecasting.choosing import Choice, choose, shrunk, usable
from workers.forecast_review.forecasting.fitting import Base
from workers.forecast_review.forecasting.hierarchy import build
from workers.forecast_review.forecasting.incumbents import Incumbent

HORIZON, ORIGINS = 4, 5
MODELS = ("seasonal_naive", "theta", "ets", "arima")


def base(errors: dict[str, float], *, nodes_apart: float = 0.0, seed: int = 1) -> Base:
    """Base forecasts that miss by the size given, a horizon apart."""
    tree = build(history())
    random = np.random.default_rng(seed)
    shape = (ORIGINS, len(tree.nodes), HORIZON)
    forecasts = np.stack([100 + errors[name] * random.choice([-1.0, 1.0], shape) for name in MODELS], axis=2)
    forecasts += nodes_apart * random.normal(size=forecasts.shape)
    actuals = np.full(shape, 100.0)
    actuals[-1] = np.nan
    ones = np.ones(shape[:2])
    origins = tuple(range(0, ORIGINS * HORIZON, HORIZON))
    seen = np.stack([actuals] * ORIGINS)
    return Base(tree, origins, MODELS, forecasts, actuals, seen, ones, ones, np.full(shape[:2], 60))


def test_the_best_model_wins_and_the_record_is_told() -> None:
    made = base({"seasonal_naive": 9.0, "theta": 6.0, "ets": 3.0, "arima": 5.0})
    (choice, *_) = choose(made, ORIGINS - 1, margin=0.01)
    assert choice.champion == "ets"
    assert choice.mase == pytest.approx(3.0)
    assert choice.gate_mase == pytest.approx(9.0)
    assert choice.runner_up == "arima"
    assert "MASE 3.00 against 9.00" in choice.why


def test_a_simpler_model_wins_within_the_margin() -> None:
    made = base({"seasonal_naive": 9.0, "theta": 3.05, "ets": 3.0, "arima": 5.0})
    assert choose(made, ORIGINS - 1, margin=0.05)[0].champion == "theta"
    assert "better by less than the margin" in choose(made, ORIGINS - 1, margin=0.05)[0].why
    assert choose(made, ORIGINS - 1, margin=0.0)[0].champion == "ets"


def test_nothing_that_lost_to_the_seasonal_naive_forecast_can_win() -> None:
    made = base({"seasonal_naive": 2.0, "theta": 3.0, "ets": 4.0, "arima": 5.0})
    assert {choice.champion for choice in choose(made, ORIGINS - 1, margin=0.5)} == {"seasonal_naive"}
    # Where one node alone has the gate ahead, the good record elsewhere does not carry a model over it.
    made = base({"seasonal_naive": 5.0, "theta": 3.0, "ets": 4.0, "arima": 6.0})
    forecasts = made.forecasts.copy()
    forecasts[:, 0, 0] = 101.0
    assert choose(replace(made, forecasts=forecasts), ORIGINS - 1, margin=0.0)[0].champion == "seasonal_naive"
    assert choose(replace(made, forecasts=forecasts), ORIGINS - 1, margin=0.0)[1].champion == "theta"


def test_only_origins_that_were_over_count() -> None:
    made = base({"seasonal_naive": 9.0, "theta": 6.0, "ets": 3.0, "arima": 5.0})
    assert usable(made, 2) == [0, 1]
    assert usable(replace(made, origins=(0, 2, 4, 6, 8)), 2) == [0]
    # What comes at the origin itself and later does not move the choice there.
    changed = made.seen.copy()
    changed[:, 2:] = made.forecasts[2:, :, MODELS.index("arima")]
    assert choose(replace(made, seen=changed), 2, margin=0.01) == choose(made, 2, margin=0.01)


def test_without_a_record_it_is_the_seasonal_naive_forecast() -> None:
    made = base({"seasonal_naive": 9.0, "theta": 6.0, "ets": 3.0, "arima": 5.0})
    assert {choice.champion for choice in choose(made, 0, margin=0.01)} == {"seasonal_naive"}


def test_a_model_that_failed_does_not_win() -> None:
    made = base({"seasonal_naive": 9.0, "theta": 6.0, "ets": 3.0, "arima": 5.0})
    forecasts = made.forecasts.copy()
    forecasts[-1, 0, MODELS.index("ets")] = np.nan
    assert choose(replace(made, forecasts=forecasts), ORIGINS - 1, margin=0.01)[0].champion == "arima"


def test_a_noisy_record_is_shrunk_towards_what_holds_for_all() -> None:
    random = np.random.default_rng(3)
    noise = np.abs(random.normal(1.0, 0.5, (3, 50, 2)))
    noise[:, :, 1] += 0.3
    score = shrunk(noise)
    # Differences between the nodes are all luck here: everywhere the first model.
    assert (score[:, 0] < score[:, 1]).all()
    # Here they are not: half of the nodes have another best model, at every origin.
    steady = np.full((3, 50, 2), 1.0) + random.normal(0, 0.01, (3, 50, 2))
    steady[:, :25, 0] += 1.0
    steady[:, 25:, 1] += 1.0
    score = shrunk(steady)
    assert (score[:25, 1] < score[:25, 0]).all()
    assert (score[25:, 0] < score[25:, 1]).all()


ETS_AHEAD = {"seasonal_naive": 9.0, "theta": 6.0, "ets": 3.0, "arima": 5.0}


def defended(before: Incumbent, errors: dict[str, float] = ETS_AHEAD, *, margin: float = 0.01) -> Choice:
    made = base(errors)
    return choose(made, ORIGINS - 1, margin=margin, incumbents={made.hierarchy.nodes[0]: before})[0]


def test_a_champion_stays_until_a_challenger_wins_at_two_reviews_in_a_row() -> None:
    first = defended(Incumbent("theta"))
    assert (first.champion, first.challenger, first.wins) == ("theta", "ets", 1)
    assert "ets was better this time and replaces it if it is again" in first.why
    assert first.mase == pytest.approx(6.0)
    second = defended(Incumbent(first.champion, first.challenger, first.wins))
    assert (second.champion, second.challenger, second.wins) == ("ets", "", 0)
    assert "better than theta, the champion before, at 2 reviews in a row" in second.why


def test_a_win_between_which_another_model_won_does_not_count() -> None:
    choice = defended(Incumbent("theta", "arima", 1))
    assert (choice.champion, choice.challenger, choice.wins) == ("theta", "ets", 1)


def test_a_champion_that_is_best_again_ends_the_challenge() -> None:
    choice = defended(Incumbent("ets", "theta", 1))
    assert (choice.champion, choice.challenger, choice.wins) == ("ets", "", 0)


def test_a_challenger_must_be_better_by_more_than_the_margin() -> None:
    close = {"seasonal_naive": 9.0, "theta": 3.0, "ets": 3.05, "arima": 5.0}
    assert defended(Incumbent("ets", "theta", 1), close, margin=0.05).champion == "ets"
    assert defended(Incumbent("ets", "theta", 1), close, margin=0.0).champion == "theta"


def test_a_champion_that_lost_to_the_seasonal_naive_forecast_goes_at_once() -> None:
    choice = defended(Incumbent("arima"), {"seasonal_naive": 4.0, "theta": 6.0, "ets": 3.0, "arima": 5.0})
    assert (choice.champion, choice.challenger) == ("ets", "")
    assert "arima, the champion before, lost to the seasonal naive forecast" in choice.why


def test_a_champion_that_does_not_compete_any_more_is_replaced() -> None:
    choice = defended(Incumbent("lstm"))
    assert choice.champion == "ets"
    assert "lstm, the champion before, does not compete any more" in choice.why


def test_nodes_without_a_champion_before_choose_afresh() -> None:
    made = base(ETS_AHEAD)
    first, *others = choose(made, ORIGINS - 1, margin=0.01, incumbents={made.hierarchy.nodes[0]: Incumbent("theta")})
    assert first.champion == "theta"
    assert {choice.champion for choice in others} == {"ets"}
