"""How simulated people answer human tasks: what they decide, and after how long.

Assumptions: an owner accepts four of five leads, rejects one of ten with a reason and lets the time limit of one of
ten pass. Sales operations and managers give nine of ten leads to a suitable rep and discard the others; they correct
every lead that can be corrected. Answers take seconds to a few minutes. A person's answer depends on the seed and on
the task, so that a restart of the simulation changes nobody's mind.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workers.sample.chance import seeded
from workers.sample.organisation import slug

ACCEPT_SHARE = 0.8
REJECT_SHARE = 0.1
DISCARD_SHARE = 0.1
GROUP_OF: Final = {
    "correct_lead": "sales-ops",
    "triage_lead": "sales-ops",
    "manager_decision": "sales-managers",
    "accept_lead": "sales-reps",
}
"""User task (element id) → candidate group."""
TASK_OF_STATE: Final = {
    "invalid": "correct_lead",
    "triage": "triage_lead",
    "manager": "manager_decision",
    "assigned": "accept_lead",
}
"""State of a lead → the user task it waits in, or soon will."""
MEDIAN_SECONDS: Final = {"correct_lead": 60.0, "triage_lead": 45.0, "manager_decision": 90.0, "accept_lead": 25.0}
SLOWEST_SECONDS = 300.0
LEFT_ALONE = 5
"""The newest tasks of each group are never touched: they are for the newcomer in Tasklist."""
REJECT_REASONS = ("no_time", "wrong_fit", "conflict", "not_a_lead", "other")
"""As the form accept_lead offers them."""
OUTCOME_MEAN_SECONDS = 240.0
"""Mean time from accepted to the known outcome; weeks in real life."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sample lead that waits for a person, with what is needed to answer."""

    lead_id: str
    process_instance_key: int
    element_id: str
    since: dt.datetime
    occurrence: int
    """How many owners the lead has had: tells the rounds of one task apart."""
    raw: Mapping[str, object]
    suitable: str | None
    """Rep id that a person would choose, None if nobody is suitable."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person does, and when."""

    at: dt.datetime
    variables: dict[str, object] | None
    """None: the person does nothing, and the time limit passes."""


def answer(task: Waiting, seed: int) -> Answer:
    """How the person answers the task.

    Raises:
        KeyError: the element is no user task of the process.
    """
    chance = seeded(seed, task.lead_id, task.element_id, task.occurrence)
    median = MEDIAN_SECONDS[task.element_id]
    wait = min(chance.lognormvariate(math.log(median), 0.6), SLOWEST_SECONDS)
    at = task.since + dt.timedelta(seconds=wait)
    luck = chance.random()
    match task.element_id:
        case "accept_lead" if luck < ACCEPT_SHARE:
            return Answer(at, {"owner_response": "accept", "reject_reason": None, "reject_note": None})
        case "accept_lead" if luck < ACCEPT_SHARE + REJECT_SHARE:
            reason = chance.choice(REJECT_REASONS)
            return Answer(at, {"owner_response": "reject", "reject_reason": reason, "reject_note": None})
        case "accept_lead":
            return Answer(at, None)
        case "correct_lead":
            return Answer(at, correction(task.raw))
        case "triage_lead":
            return Answer(at, _give("triage", task.suitable if luck >= DISCARD_SHARE else None))
        case _:
            return Answer(at, _give("manager", task.suitable if luck >= DISCARD_SHARE else None))


def _give(prefix: str, owner: str | None) -> dict[str, object]:
    """The variables of the triage or manager form."""
    note = "Simulated: suits the territory and has room." if owner else "Simulated: not worth a call."
    return {f"{prefix}_outcome": "assign" if owner else "discard", "chosen_owner": owner, f"{prefix}_note": note}


def correction(raw: Mapping[str, object]) -> dict[str, object]:
    """The lead as it should have been: a person found name and address out, as far as the company is known."""
    name = str(raw.get("name") or "") or "Unknown Contact"
    company = raw.get("company")
    if not company and "@" not in str(raw.get("email") or ""):
        return {"correction_outcome": "discarded", "corrected": None}
    email = str(raw.get("email") or "")
    if "@" not in email.strip("@"):
        email = f"{'.'.join(slug(part) for part in name.split())}@{slug(str(company))}.example"
    return {
        "correction_outcome": "corrected",
        "corrected": {
            "name": name,
            "email": email,
            "phone": "",
            "company": company,
            "country": raw.get("country"),
            "language": raw.get("language"),
        },
    }


def touchable(waiting: Sequence[Waiting], left_alone: int = LEFT_ALONE) -> list[Waiting]:
    """What simulated people may answer: all but the newest of each group, the oldest first."""
    found: list[Waiting] = []
    for group in sorted(set(GROUP_OF.values())):
        of_group = sorted((one for one in waiting if GROUP_OF[one.element_id] == group), key=_age)
        found += of_group[: max(len(of_group) - left_alone, 0)]
    return sorted(found, key=_age)


def _age(one: Waiting) -> tuple[dt.datetime, str]:
    return one.since, one.lead_id


def outcome_delay(external_id: str, seed: int) -> dt.timedelta:
    """How long after its acceptance a lead's outcome is known."""
    return dt.timedelta(seconds=15 + seeded(seed, external_id, "delay").expovariate(1 / OUTCOME_MEAN_SECONDS))
