"""Repair policies: what is tried again without a person, how often, and how fast. Declared in YAML."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from workers.operations.model import DeadLetter, Incident, Wanted, age

SHIPPED = Path(__file__).with_name("policies.yaml")

Dependency = Literal["engine", "crm", "mail"]

Age = Annotated[timedelta, BeforeValidator(lambda given: age(given) if isinstance(given, str) else given)]
"""``20s``, ``5m``, ``1h``."""


class PoliciesError(Exception):
    """The file of repair policies can't be used."""


class Policy(BaseModel):
    """One kind of trouble that goes away when it is tried again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    of: Literal["incidents", "dead-letters"]
    matches: tuple[str, ...] = Field(min_length=1)
    """Regular expressions; one must be found in the error's message. The message's beginning tells what the runtime
    holds for transient: see docs/runbooks/README.md."""
    process: str = ""
    element: str = ""
    channel: str = ""
    waits_for: tuple[Dependency, ...] = ()
    """Nothing is tried while one of these doesn't answer."""
    tries: int = Field(default=5, ge=1)
    """The ceiling for one job or outbox row; after that it is left to a person."""
    first: Age = timedelta(seconds=30)
    """How old it must be for the first try; doubled from try to try."""
    cap: Age = timedelta(minutes=5)
    """The longest pause between two tries."""
    per_minute: int = Field(default=60, ge=1)
    """The most tries of this policy within any minute."""
    late: bool = False
    """For dead letters: also when newer rows of the case were delivered since."""

    @field_validator("matches")
    @classmethod
    def _compiles(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in given:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern} is not a regular expression: {error}") from error
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Policy:
        if self.of == "incidents" and (self.channel or self.late):
            raise ValueError("channel and late belong to dead letters")
        if self.of == "dead-letters" and (self.process or self.element):
            raise ValueError("process and element belong to incidents")
        return self

    @property
    def actor(self) -> str:
        """As the audit trail names it."""
        return f"policy:{self.name}"

    def wanted(self) -> Wanted:
        """Its choice, but for the message and the pause."""
        return Wanted(process=self.process, element=self.element, channel=self.channel, limit=5_000)

    def fits(self, one: Incident | DeadLetter) -> bool:
        """Whether the message is of its kind."""
        return any(re.search(pattern, one.message) for pattern in self.matches)

    def pause(self, tried: int) -> timedelta:
        """How long it must have been in trouble, or since the last try, before the next: first · 2ⁿ after n tries."""
        return min(self.cap, self.first * float(2 ** min(tried, 20)))


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    policies: list[Policy]

    @field_validator("policies")
    @classmethod
    def _names_differ(cls, given: list[Policy]) -> list[Policy]:
        names = [policy.name for policy in given]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two policies are called {double[0]}")
        return given


def load(path: Path = SHIPPED) -> list[Policy]:
    """Read a file of policies.

    Raises:
        PoliciesError: it is not there, or not of the right form.
    """
    try:
        return _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).policies
    except OSError as error:
        raise PoliciesError(f"{path} can't be read ({error.strerror}).") from error
    except yaml.YAMLError as error:
        raise PoliciesError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PoliciesError(f"{path} is wrong at {place}: {first['msg']}.") from error
