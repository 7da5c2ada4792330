"""What must hold of each lead: where it came to rest, and that effects, engine and undo agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workers.chaos.checker import story
from workers.chaos.checker.evidence import Evidence, Row, Step


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    lead_id: str
    """``-`` if it concerns no single lead."""
    rule: str
    evidence: str

    def line(self) -> str:
        """For people."""
        return f"{self.rule:<22} {self.lead_id}: {self.evidence}"


def accepted_leads_are_there(evidence: Evidence) -> Iterator[Violation]:
    """Each lead answered with 202 is in the book under its sender's id; nobody else's is."""
    for lead_id, external_id in evidence.ledger.accepted.items():
        lead = evidence.leads.get(lead_id)
        if lead is None:
            yield Violation(lead_id, "lead-lost", f"{external_id} was answered with 202 and is not in the book")
        elif lead["external_id"] != external_id:
            yield Violation(lead_id, "lead-lost", f"answered for {external_id}, the book says {lead['external_id']}")
    for lead_id, lead in evidence.leads.items():
        if lead["external_id"] not in evidence.ledger.asked:
            yield Violation(lead_id, "lead-invented", f"nobody sent {lead['external_id']}")


def leads_come_to_rest(evidence: Evidence) -> Iterator[Violation]:
    """Each lead has one process instance, which ended as the book says, or waits where the book says, or is stopped by
    something that has a name.
    """
    instances: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in evidence.engine.instances:
        instances[one.lead_id].append((one.key, one.state))
    open_, ended = _places(evidence)
    for lead_id in instances.keys() - evidence.leads.keys():
        yield Violation(lead_id, "instance-orphaned", f"{instances[lead_id]} belong to no lead of the book")
    for lead_id, lead in evidence.leads.items():
        here, state = instances.get(lead_id, []), lead["state"]
        if len(here) > 1:
            yield Violation(lead_id, "started-twice", f"process instances {here}")
        if lead_id in evidence.stopped:
            continue
        if not here:
            yield Violation(lead_id, "lead-stuck", f"{state}, and the engine has no instance of it")
            continue
        key, life = here[0]
        waits = open_.get(key, [])
        if state in story.ENDED:
            if life != "COMPLETED" or not ended.get(key, set()) & story.ENDED[state]:
                yield Violation(
                    lead_id, "end-differs", f"{state}, but instance {key} is {life}, ended at {ended.get(key)}"
                )
        elif state in story.WAITING or state == "queued":
            place = story.WAITING.get(state, story.QUEUED)
            if life != "ACTIVE" or waits != [place]:
                yield Violation(lead_id, "lead-stuck", f"{state} should wait at {place}; {key} is {life} at {waits}")
        else:
            yield Violation(
                lead_id, "lead-stuck", f"still {state} since {lead['state_at']}; {key} is {life} at {waits}"
            )


def _places(evidence: Evidence) -> tuple[Mapping[int, list[str]], Mapping[int, set[str]]]:
    """Instance → where it waits, and the end events it came to."""
    waits: dict[int, list[str]] = defaultdict(list)
    ends: dict[int, set[str]] = defaultdict(set)
    for step in evidence.engine.steps:
        if step.kind == "END_EVENT" and step.state == "COMPLETED":
            ends[step.instance].add(step.element_id)
        elif step.state == "ACTIVE":
            waits[step.instance].append(step.element_id)
    return waits, ends


def incidents_are_explained(evidence: Evidence) -> Iterator[Violation]:
    """An incident or a dead letter has a cause that such a day explains."""
    for one in evidence.engine.incidents:
        if not any(words in one.message for words in story.EXPLAINED):
            lead_id = evidence.lead_of.get(one.instance, "?")
            yield Violation(lead_id, "incident-unexplained", f"at {one.element_id}: {one.message}")
    for row in evidence.tables["dead"]:
        if not row["reason"].startswith("Gave up after"):
            yield Violation(row["business_id"], "dead-unexplained", f"{row['external_id']}: {row['reason']}")


def completions_have_their_effect(evidence: Evidence) -> Iterator[Violation]:
    """What the engine counts as done was committed, and was done by the lead's one instance."""
    done: Counter[tuple[str, str]] = Counter()
    for step in evidence.engine.steps:
        if step.kind == "SERVICE_TASK" and step.state == "COMPLETED" and story.task_of(step.element_id) in story.ONCE:
            done[evidence.lead_of.get(step.instance, "?"), step.element_id] += 1
    have = Counter((row["business_id"], row["element_id"]) for row in evidence.tables["effects"])
    for (lead_id, element_id), times in done.items():
        if times > have[lead_id, element_id]:
            yield Violation(
                lead_id,
                "effect-lost",
                f"{element_id} was completed {times} times, committed {have[lead_id, element_id]}",
            )


def effects_have_their_completion(evidence: Evidence) -> Iterator[Violation]:
    """What was committed was completed in the engine, or undone: no effect is left behind by an interrupted job."""
    steps = {step.key: step for step in evidence.engine.steps}
    for row in evidence.tables["effects"]:
        lead_id, task = row["business_id"], story.task_of(row["element_id"])
        if task in story.UNDONE:  # a handler may have been run for the engine; it is judged by what it undid
            continue
        step = steps.get(row["element_instance_key"])
        where = f"{row['element_id']} {row['loop_index']} of element instance {row['element_instance_key']}"
        if step is None or evidence.lead_of.get(step.instance) != lead_id:
            # An engine that died may have forgotten it, and have come to the same element again (`runtime.zeebe.contact`).
            if row["undone_at"] is None and not _relied_on(evidence, row):
                whose = "the engine has none" if step is None else f"one of {evidence.lead_of.get(step.instance)}"
                yield Violation(lead_id, "effect-unknown", f"{where}: {whose}")
        elif step.state == "ACTIVE" and lead_id not in evidence.stopped:
            yield Violation(lead_id, "effect-unanswered", f"{where}: committed, and its job still waits")
        elif (
            step.state == "TERMINATED"
            and task in story.UNDO
            and row["undone_at"] is None
            and not _redone(evidence, step)
        ):
            yield Violation(lead_id, "effect-orphaned", f"{where}: its job was cancelled, and it was never undone")


def effects_are_done_once(evidence: Evidence) -> Iterator[Violation]:
    """One element instance has one effect, whatever key it was stored under."""
    done: dict[tuple[str, int], list[str]] = defaultdict(list)
    for (lead_id, element_id, loop), row in evidence.effects.items():
        done[element_id, row["element_instance_key"]].append(f"{lead_id} {loop!r}")
    for (element_id, key), found in done.items():
        if len(found) > 1:
            lead_id = found[0].split()[0]
            yield Violation(lead_id, "effect-twice", f"{element_id} of element instance {key} is committed as {found}")


def _redone(evidence: Evidence, step: Step) -> bool:
    """Whether another instance of the same element was completed on this effect."""
    return any(key > step.key for key in evidence.completed.get((step.instance, step.element_id), ()))


def _relied_on(evidence: Evidence, row: Row) -> bool:
    """Whether more instances of the element were completed than there are other effects for: one stands on this one."""
    at = row["process_instance_key"], row["element_id"]
    return not evidence.completed.get(at, set()) <= evidence.committed[at]


def withdrawals_are_obeyed(evidence: Evidence) -> Iterator[Violation]:
    """A lead whose withdrawal was answered with 202 is withdrawn, unless it had come to an end before."""
    for lead_id in evidence.ledger.withdrawn:
        lead = evidence.leads.get(lead_id)
        if lead is not None and lead["state"] not in story.ENDED and lead_id not in evidence.stopped:
            yield Violation(lead_id, "withdrawal-lost", f"its withdrawal was answered with 202; it is {lead['state']}")
    closed = {row["business_id"] for row in evidence.tables["closed"]}
    for lead_id, lead in evidence.leads.items():
        if (lead["state"] == "withdrawn") and lead_id not in closed:
            yield Violation(lead_id, "withdrawal-unfenced", "withdrawn, but its case is open")
        if lead["state"] == "withdrawn" and lead_id not in evidence.ledger.withdrawn | _maybe_withdrawn(evidence):
            yield Violation(lead_id, "withdrawal-invented", "nobody asked for it")


def _maybe_withdrawn(evidence: Evidence) -> frozenset[str]:
    """Leads whose withdrawal the gateway took, though its answer may have been lost."""
    return frozenset(row["business_id"] for row in evidence.tables["timeline"] if row["action"] == "withdrawal_asked")
