"""A trained scorer: its stored form, and scoring one lead with reasons.

The stored form is text, safe to load: a line ``fairlead-scorer 1 sha256:…`` and canonical JSON that holds the
schema, the vocabularies, LightGBM's text models, the calibration (two numbers) and the reference for drift. It holds
no date and no machine, so the same rows, schema, seed and library versions give the same bytes, and the version is
a digest of them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from workers.lead_routing.scoring.booster import Booster
from workers.lead_routing.scoring.errors import ArtifactError, SchemaError
from workers.lead_routing.scoring.features import Encoder, Value, shown
from workers.lead_routing.scoring.schema import Feature, Schema, parse_schema

Band = Literal["hot", "warm", "cold"]

_MAGIC = b"fairlead-scorer 1 sha256:"
_MOST_REASONS = 5
_FEWEST_REASONS = 3
_WORTH_SAYING = 0.1
"""Log-odds; a fourth or fifth reason must move the odds by a tenth or so to be worth a line."""


class Calibration(BaseModel):
    """Platt scaling: calibrated log-odds = slope x raw log-odds + intercept."""

    model_config = ConfigDict(frozen=True)
    slope: float = 1.0
    intercept: float = 0.0


class Profile(BaseModel):
    """How one feature (or the score) was distributed in training: inner bin edges or categories, and shares."""

    model_config = ConfigDict(frozen=True)
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...]
    """One share a bin or category, then "other" (categories only), then "missing"; they sum to 1."""


class Reference(BaseModel):
    """What drift is measured against."""

    model_config = ConfigDict(frozen=True)
    rows: int
    label_rate: float
    ece: float
    features: dict[str, Profile]
    score: Profile


class Payload(BaseModel):
    """Content of a stored model."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
    model_schema: dict[str, object]
    trained_until: float
    """`Table.times` of the newest training row: later rows are new to this model."""
    vocabulary: dict[str, tuple[str, ...]]
    boosters: tuple[str, ...]
    calibration: Calibration
    hot_from: float
    warm_from: float
    typical: dict[str, float | str | None]
    reference: Reference

    def to_bytes(self) -> bytes:
        """The stored form."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def read_payload(artifact: bytes) -> tuple[Payload, str]:
    """Check and parse stored bytes → (payload, version).

    Raises:
        ArtifactError: if they are no stored scorer, damaged, or of another format.
    """
    head, _, body = artifact.partition(b"\n")
    if not head.startswith(_MAGIC):
        raise ArtifactError("these bytes are no stored scorer of a format this Fairlead knows; train the model again")
    digest = hashlib.sha256(body).hexdigest()
    if head[len(_MAGIC) :].decode(errors="replace") != digest:
        raise ArtifactError("the stored scorer is damaged (its checksum does not match); restore it or train it again")
    try:
        payload = Payload.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtifactError(f"the stored scorer cannot be read ({where}: {first['msg']}); train it again") from error
    return payload, f"{payload.model_schema.get('name')}-{digest[:12]}"


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature that moved the score."""

    feature: str
    label: str
    value: float | str | None
    effect: float
    """Log-odds against the average training lead; positive raises the score."""
    text: str
    """The whole reason in words."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The log-odds of one lead, split: `log_odds` = `base` + the sum of `effects`."""

    base: float
    effects: dict[str, float]
    log_odds: float


@dataclass(frozen=True, slots=True)
class Scored:
    """The score of one lead."""

    score: float
    """Calibrated probability of conversion, 0 to 1."""
    band: Band
    reasons: tuple[Reason, ...]
    """Three to five (fewer if the schema has fewer features), the strongest first."""
    model_version: str
    notes: tuple[str, ...] = ()
    """Values that could not be used as they were, and what was done instead; they may quote the lead."""


class Scorer:
    """Scores leads with one stored model. Safe to use from several threads: LightGBM locks a booster itself."""

    def __init__(self, payload: Payload, version: str) -> None:
        try:
            self.schema: Schema = parse_schema(payload.model_schema, f"the schema inside model {version}")
        except SchemaError as error:
            raise ArtifactError(str(error)) from error
        if not payload.boosters:
            raise ArtifactError(f"model {version} holds no booster; train it again")
        missing = [f.name for f in self.schema.features if f.kind == "categorical" and f.name not in payload.vocabulary]
        if missing:
            raise ArtifactError(f"model {version} lacks the vocabulary of {', '.join(missing)}; train it again")
        self.version = version
        self.payload = payload
        self.encoder = Encoder(self.schema, payload.vocabulary)
        self._boosters = [Booster(text, len(self.schema.features)) for text in payload.boosters]

    @classmethod
    def from_bytes(cls, artifact: bytes) -> Self:
        """Load a stored model.

        Raises:
            ArtifactError: if the bytes are broken or of another format, or LightGBM is not installed.
        """
        return cls(*read_payload(artifact))

    def score(self, lead: Mapping[str, object]) -> Scored:
        """Score one lead; well under a millisecond of one core.

        Unknown categories, missing values and wrong types count as the schema and `features` say, and are noted.

        Raises:
            LeadError: if a feature that the schema calls required is missing.
        """
        row, values, notes = self.encoder.encode(lead)
        explained = self._explain(row)
        score = probability(explained.log_odds)
        return Scored(score, self.band(score), self._reasons(explained, values), self.version, tuple(notes))

    def explain(self, lead: Mapping[str, object]) -> Explanation:
        """All effects on one lead's log-odds.

        Raises:
            LeadError: as `score`.
        """
        return self._explain(self.encoder.encode(lead)[0])

    def band(self, score: float) -> Band:
        """Hot, warm or cold, by the shares the schema asked for, as they fell on the newest held-out rows."""
        if score >= self.payload.hot_from:
            return "hot"
        return "warm" if score >= self.payload.warm_from else "cold"

    def _explain(self, row: list[float]) -> Explanation:
        parts = [booster.contributions(row) for booster in self._boosters]
        calibration = self.payload.calibration
        mean = [calibration.slope * sum(column) / len(parts) for column in zip(*parts, strict=True)]
        base = mean.pop() + calibration.intercept
        effects = {f.name: effect for f, effect in zip(self.schema.features, mean, strict=True)}
        return Explanation(base, effects, base + sum(mean))

    def _reasons(self, explained: Explanation, values: list[Value]) -> tuple[Reason, ...]:
        known = {f.name: (f, value) for f, value in zip(self.schema.features, values, strict=True)}
        ranked = sorted(explained.effects.items(), key=lambda item: (-abs(item[1]), item[0]))[:_MOST_REASONS]
        return tuple(
            Reason(name, known[name][0].title, known[name][1], effect, self._words(*known[name], effect))
            for i, (name, effect) in enumerate(ranked)
            if i < _FEWEST_REASONS or abs(effect) >= _WORTH_SAYING
        )

    def _words(self, feature: Feature, value: Value, effect: float) -> str:
        usual = self.payload.typical.get(feature.name)
        contrast = "" if usual is None or usual == value else f" (typical: {shown(feature, usual)})"
        odds = math.exp(min(abs(effect), 20.0))
        verb = "raises" if effect >= 0 else "lowers"
        change = "hardly changes the odds" if odds < 1.05 else f"{verb} the odds {odds:.1f} times"
        return f"{feature.title}: {shown(feature, value)}{contrast} {change}"


def probability(log_odds: float) -> float:
    """Inverse of the logit, exact at both ends."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)
