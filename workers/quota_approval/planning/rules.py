"""What a planner sets: the target and the rules of the split, from a YAML file."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workers.quota_approval.planning.errors import InputError
from workers.quota_approval.planning.money import cents

REP = "rep"
"""The level of reps; the levels above have the names that the tree gives them."""

Amount = Annotated[
    Decimal, BeforeValidator(lambda value: str(value) if isinstance(value, float) else value), Field(ge=0)
]
Share = Annotated[
    Decimal, BeforeValidator(lambda value: str(value) if isinstance(value, float) else value), Field(ge=0)
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Strict):
    """How far a quota may move against last year's; shares, 0.25 is a quarter."""

    up: Share | None = None
    down: Share | None = Field(None, le=1)


class Range(_Strict):
    """Floor and cap of every quota of a level: amounts, or shares of what is expected from below."""

    floor: Amount | None = None
    cap: Amount | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.floor is not None and self.cap is not None and self.floor > self.cap:
            raise ValueError(f"the floor {self.floor} is above the cap {self.cap}")
        return self


class Rules(_Strict):
    """Target, buffers, limits and rounding. Maps have a level's name as key; the level of reps is `rep`."""

    name: str = Field("quotas", min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """Versions of one name follow each other."""
    period: str
    currency: str = Field(pattern="^[A-Z]{3}$")
    target: Amount
    """Of the whole organisation."""
    buffers: dict[str, Share] = Field(default_factory=dict)
    """By how much the quotas of a level's members exceed the quota above them in sum (over-assignment)."""
    change: dict[str, Change] = Field(default_factory=dict)
    limits: dict[str, Range] = Field(default_factory=dict)
    """In money."""
    expected: dict[str, Range] = Field(default_factory=dict)
    """As shares of what is expected from below."""
    steps: dict[str, Amount] = Field(default_factory=dict)
    """What quotas of a level are rounded to multiples of; to the cent without one."""
    correlation: float = Field(0.3, ge=0, le=1)
    """Of the segments' surprises, where the forecast has no row `total` that tells it."""
    draws: int = Field(10_000, ge=100, le=1_000_000)
    """Of the simulation."""
    seed: int = 1

    def buffer(self, level: str) -> Fraction:
        """Over-assignment of a level, exactly."""
        return Fraction(self.buffers.get(level, Decimal(0)))

    def step(self, level: str) -> int:
        """Rounding of a level, in cents; at least one."""
        return max(1, cents(self.steps.get(level, Decimal(0))))

    def check_levels(self, levels: tuple[str, ...]) -> None:
        """Refuse rules for levels that the tree does not have.

        Raises:
            InputError: naming the rule.
        """
        for rule in ("buffers", "change", "limits", "expected", "steps"):
            for level in getattr(self, rule):
                if level not in levels:
                    raise InputError(f"{rule}: the tree has no level {level!r}; it has {', '.join(levels)}")
        if levels[0] in self.buffers:
            raise InputError(f"buffers: {levels[0]!r} is the top level, and nothing is above it to exceed")


def load_rules(path: Path, *, target: Decimal | None = None) -> Rules:
    """Rules from a file, with another target if one is given.

    Raises:
        InputError: saying which field is wrong and how.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no rules; at least period, currency and target are needed")
    if target is not None:
        content["target"] = target
    if isinstance(content.get("period"), int):
        content["period"] = str(content["period"])
    try:
        return Rules.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "rules"
        raise InputError(f"{path.name}: {where}: {first['msg']}") from error
