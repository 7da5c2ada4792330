"""A migration plan: which running instances go from one version to another, by which mapping, and which can't and why.

It is a YAML file for people to look through, and to take instances out of or correct the mapping in.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.versions.errors import PlanRefused

_HEAD = """\
# A plan made by `fairlead migrate plan`. Look it through; then `fairlead migrate apply FILE`.
# You may take instances out, and correct the mapping (old element: new element); all is checked again before anything
# is moved. Timers that run go on running, and open tasks keep their form, their due date and who has them.
"""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class End(_Part):
    """One of the two versions."""

    version: int
    tag: str
    key: int
    """Process definition key."""
    diagram: str
    """SHA-256 of its BPMN, in hexadecimal."""


class Planned(_Part):
    """One instance."""

    key: int
    case: str = ""
    waits_at: list[str]
    incident: bool = False
    can: bool
    why_not: list[str] = []


class Plan(_Part):
    """A migration plan."""

    format: Literal[1] = 1
    process: str
    source: Annotated[End, Field(alias="from")]
    target: Annotated[End, Field(alias="to")]
    engine: str
    """Version of the engine whose rules were applied."""
    made_at: datetime
    made_by: str
    can: int
    """How many instances can be moved, when it was made."""
    cannot: int
    gone: list[str]
    """Elements of the old version that nothing of the new one stands for."""
    remarks: list[str]
    """What stays as the old version says."""
    instances: list[Planned]
    mapping: dict[str, str]

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def digest(self) -> str:
        """SHA-256 of what it says is to be done."""
        said = [self.process, self.source.key, self.target.key, sorted(self.mapping.items())]
        said.append([[one.key, one.waits_at] for one in self.instances if one.can])
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def movable(self) -> list[Planned]:
        """The instances that are to be moved."""
        return [one for one in self.instances if one.can]

    def text(self) -> str:
        """The plan as YAML."""
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return _HEAD + yaml.safe_dump({"format": self.format} | content, sort_keys=False, allow_unicode=True, width=120)


def read_plan(text: str) -> Plan:
    """A plan from its file.

    Raises:
        PlanRefused: it is none; the message says where.
    """
    try:
        return Plan.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise PlanRefused(f"The plan is no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PlanRefused(
            f"The plan is wrong at {place}: {first['msg']}. Make it anew by `fairlead migrate plan`."
        ) from None
