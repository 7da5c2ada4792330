from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from workers.lead_routing.scoring.errors import ArtifactError, LeadError
from workers.lead_routing.scoring.model import Calibration, Payload, Scorer, probability
from workers.lead_routing.scoring.schema import Schema, parse_schema
from workers.lead_routing.scoring.table import build_table
from workers.lead_routing.scoring.training import Recipe, Trained, score_table, train

MakeLeads = Callable[..., list[dict[str, object]]]


@pytest.fixture(scope="module")
def scorer(trained: Trained) -> Scorer:
    return Scorer.from_bytes(trained.artifact)


def test_reasons_add_up_to_the_log_odds(scorer: Scorer, make_leads: MakeLeads, schema: Schema) -> None:
    leads = make_leads(50, seed=3)
    scores = score_table(scorer.payload, build_table(leads, schema))
    for lead, batch in zip(leads, scores, strict=True):
        explained = scorer.explain(lead)
        assert explained.base + sum(explained.effects.values()) == pytest.approx(explained.log_odds, abs=1e-9)
        scored = scorer.score(lead)
        # LightGBM's own prediction, which is no sum of TreeSHAP values, must agree.
        assert scored.score == pytest.approx(batch, abs=1e-9)
        assert scored.score == probability(explained.log_odds)
        assert 3 <= len(scored.reasons) <= 5
        effects = [abs(reason.effect) for reason in scored.reasons]
        assert effects == sorted(effects, reverse=True)
        assert max(map(abs, explained.effects.values())) == effects[0]


def test_calibration_keeps_reasons_additive(trained: Trained, make_leads: MakeLeads) -> None:
    payload = trained.payload.model_copy(update={"calibration": Calibration(slope=0.7, intercept=-0.3)})
    lead = make_leads(1)[0]
    raw = trained.payload.model_copy(update={"calibration": Calibration()})
    plain, changed = (Scorer.from_bytes(p.to_bytes()).explain(lead) for p in (raw, payload))
    assert changed.log_odds == pytest.approx(0.7 * plain.log_odds - 0.3)
    assert changed.base + sum(changed.effects.values()) == pytest.approx(changed.log_odds)


def test_what_the_rule_says_is_what_the_reasons_say(scorer: Scorer, make_leads: MakeLeads) -> None:
    lead = {**make_leads(1)[0], "source": "referral"}
    lead["attributes"] = {"page_views": 3, "pricing_page_seconds": 300.0}
    scored = scorer.score(lead)
    assert {reason.feature for reason in scored.reasons[:2]} == {"source", "pricing_page_seconds"}
    assert all(reason.effect > 0 for reason in scored.reasons[:2])
    assert any("300 s (typical:" in reason.text and "raises the odds" in reason.text for reason in scored.reasons)
    assert scored.band == "hot"
    assert scored.model_version == scorer.version
    cold = scorer.score({**lead, "source": "cold_list", "attributes": {"pricing_page_seconds": 0}})
    assert cold.band == "cold"
    assert cold.score < scored.score


@pytest.mark.parametrize(
    "lead",
    [
        {},
        {"source": "smoke_signals", "company": {"employees": "many"}, "attributes": None},
        {
            "source": 3.5,
            "company": ["x"],
            "country": "ZZ",
            "email_is_free": "perhaps",
            "attributes": {"page_views": -4},
        },
        {"company": {"employees": 10**400}, "attributes": {"pricing_page_seconds": float("inf")}},
    ],
)
def test_missing_unknown_and_wrong_values_are_scored_and_noted(scorer: Scorer, lead: Mapping[str, object]) -> None:
    scored = scorer.score(lead)
    assert 0 < scored.score < 1
    assert bool(scored.notes) == bool(lead)


def test_notes_name_the_place(scorer: Scorer) -> None:
    notes = scorer.score({"source": "smoke_signals", "company": {"employees": "many"}}).notes
    assert notes[0].startswith("source: 'smoke_signals' is not one of web_form")
    assert notes[1] == "company.employees: 'many' is not a number"


def test_a_required_feature_that_is_missing_is_a_clear_error(trained: Trained) -> None:
    schema = json.loads(json.dumps(trained.payload.model_schema))
    next(f for f in schema["features"] if f["name"] == "employees")["required"] = True
    strict = Scorer.from_bytes(trained.payload.model_copy(update={"model_schema": schema}).to_bytes())
    with pytest.raises(LeadError, match=r"'company.employees' is required and is missing"):
        strict.score({"source": "referral"})
    with pytest.raises(LeadError, match="'many' is not a number"):
        strict.score({"company": {"employees": "many"}})


def damaged(artifact: bytes, payload: Payload) -> dict[str, bytes]:
    features = payload.model_schema["features"]
    assert isinstance(features, list)
    narrower = {**payload.model_schema, "features": features[:3]}
    return {
        "empty": b"",
        "foreign": b"\x80\x04pickle",
        "cut": artifact[: len(artifact) // 2],
        "flipped": artifact[:-100] + bytes([artifact[-100] ^ 1]) + artifact[-99:],
        "not a model": payload.model_copy(update={"boosters": ("tree\nnonsense",)}).to_bytes(),
        "no booster": payload.model_copy(update={"boosters": ()}).to_bytes(),
        "no vocabulary": payload.model_copy(update={"vocabulary": {}}).to_bytes(),
        "other schema": payload.model_copy(update={"model_schema": narrower}).to_bytes(),
    }


@pytest.mark.parametrize(
    "how", ["empty", "foreign", "cut", "flipped", "not a model", "no booster", "no vocabulary", "other schema"]
)
def test_broken_artifacts_give_a_clear_error(trained: Trained, how: str) -> None:
    with pytest.raises(ArtifactError, match=r"train|restore|train it again"):
        Scorer.from_bytes(damaged(trained.artifact, trained.payload)[how])


def test_scoring_one_lead_loads_neither_numpy_nor_pandas(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "model.scorer"
    file.write_bytes(trained.artifact)
    code = (
        "import sys, pathlib\n"
        "from workers.lead_routing.scoring.model import Scorer\n"
        "print(Scorer.from_bytes(pathlib.Path(sys.argv[1]).read_bytes()).score({'source': 'referral'}).score)\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'scipy', 'lightgbm'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == Scorer.from_bytes(trained.artifact).score({"source": "referral"}).score


def test_bands_follow_the_shares_of_the_schema(trained: Trained) -> None:
    scorer = Scorer.from_bytes(trained.artifact)
    bands = [scorer.band(score) for score in trained.held_out_scores]
    assert bands.count("hot") / len(bands) == pytest.approx(0.2, abs=0.02)
    assert bands.count("warm") / len(bands) == pytest.approx(0.3, abs=0.02)
    assert np.mean(trained.held_out_scores) == pytest.approx(trained.held_out.base_rate, abs=0.06)


def test_a_schema_with_one_feature_has_one_reason(make_leads: MakeLeads, quick: Recipe) -> None:
    schema = parse_schema(
        {"name": "tiny", "label": {"column": "converted"}, "features": [{"name": "source", "kind": "categorical"}]},
        "test",
    )
    scorer = Scorer.from_bytes(train(build_table(make_leads(600), schema), recipe=quick).artifact)
    assert len(scorer.score({"source": "referral"}).reasons) == 1
