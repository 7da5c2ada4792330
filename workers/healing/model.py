"""Troubles as they are seen, what the table says of one, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from workers.operations.audit import POLICY
from workers.operations.model import DeadLetter, Dependency, Done, Incident, Stuck

Json = dict[str, Any]  # Any: JSON

Symptom = Literal[
    "incident",
    "dead_letter",
    "outbox_waits",
    "lost_back_off",
    "lead_not_begun",
    "owner_left",
    "owner_absent",
    "refused_by_owner",
    "refused_by_territory",
    "scorer_misses",
]
SYMPTOMS: tuple[Symptom, ...] = get_args(Symptom)

Action = Literal[
    "retry",
    "send_again",
    "send_late",
    "send_now",
    "renew_job",
    "start_again",
    "reroute",
    "check_scorer",
    "wait",
    "none",
]
"""docs/healing.md says what each does. ``wait``: it is looked at again; ``none``: it is left to a person."""

State = Literal["waiting", "limited", "given_up", "healed", "gone"]


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that waits for its next try though its back-off is over."""

    key: int
    element_key: int
    instance_key: int
    scope_key: int
    """Of the element instance around its element; the process instance itself, if there is none."""
    element: str


@dataclass(frozen=True, slots=True)
class HeldLead:
    """A lead with an owner who is asked for an answer."""

    lead_id: str
    owner_id: str
    assigned_at: datetime
    instance_key: int


@dataclass(frozen=True, slots=True)
class ScorerMiss:
    """A scorer whose scores do not fit the outcomes that came since it was looked at last."""

    schema_name: str
    version: str


Item = Incident | DeadLetter | Stuck | WaitingJob | HeldLead | ScorerMiss


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, with what a rule may ask of it."""

    symptom: Symptom
    subject: str
    """What stays the same when it comes again."""
    since: datetime
    item: Item
    business_id: str = ""
    process: str = ""
    task: str = ""
    """Element id without its place (``__…``), or the outbox channel."""
    error_class: str = ""
    """See `classes`."""
    about: str = ""
    """The dependency that the error names: ``crm``, ``erp``, ``mail``, or nothing."""
    message: str = ""
    others_done: bool = False
    """Whether the same task, or a delivery of the same channel, was done elsewhere since."""
    deployed_since: bool = False
    """Whether models (of processes, tables, forms or the scorer) came into use since."""
    value: float = 0.0
    """How bad it is, by the symptom's own measure."""

    @property
    def key(self) -> tuple[str, str]:
        """Its case."""
        return self.subject, self.symptom

    def facts(self, case: Case, now: datetime) -> Json:
        """The variables of the decision `healing_rule`."""
        return {
            "trouble": {
                "symptom": self.symptom,
                "process": self.process,
                "task": self.task,
                "error_class": self.error_class,
                "about": self.about,
                "others_done": self.others_done,
                "deployed_since": self.deployed_since,
                "attempts": case.attempts,
                "age_minutes": max(0, int((now - case.since).total_seconds() // 60)),
                "value": round(self.value, 2),
            }
        }


class Ruling(BaseModel):
    """What the table says of one trouble."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rule: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    action: Action
    waits_for: Dependency | None = None
    """Nothing is done while this one doesn't answer."""
    pause: float = Field(ge=0)
    """Seconds from the trouble's beginning, or from the last attempt, to the next."""
    per_case: int = Field(ge=0)
    """The most attempts at one case; after that it is left to a person."""
    per_hour: int = Field(ge=0)
    """The most attempts of this rule within any hour, over all processes."""
    why: str = Field(min_length=1)
    """For the audit trail."""

    @property
    def actor(self) -> str:
        """As the audit trail names it."""
        return f"{POLICY}{self.rule}"

    @property
    def wait(self) -> timedelta:
        """`pause` as a span."""
        return timedelta(seconds=self.pause)


NO_RULE = Ruling(rule="no-rule", action="none", pause=0, per_case=0, per_hour=0, why="No rule of the table fits.")


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a trouble from earlier rounds."""

    since: datetime
    """When it was seen first, if nobody knows when it began."""
    attempts: int
    last_at: datetime | None
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What one round did by one rule."""

    rule: str
    action: str
    done: Sequence[Done]
    would: int
    """Would have been acted upon, were healing not off or this no dry run."""
    waiting: int
    limited: int
    """Their time has come, but the rule's bound for the hour is reached."""
    given_up: int
    """For a person: all attempts used up, or the rule says so."""
    away: str = ""
    """The dependency that doesn't answer: nothing was done."""
