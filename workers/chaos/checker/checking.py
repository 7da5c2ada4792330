"""All rules together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from workers.chaos.checker import outside, owners, rules, undo, versions
from workers.chaos.checker.evidence import Evidence
from workers.chaos.checker.rules import Violation

RULES: Final[tuple[Callable[[Evidence], Iterator[Violation]], ...]] = (
    rules.accepted_leads_are_there,
    rules.leads_come_to_rest,
    rules.incidents_are_explained,
    rules.completions_have_their_effect,
    rules.effects_have_their_completion,
    rules.effects_are_done_once,
    rules.withdrawals_are_obeyed,
    outside.outbox_is_empty,
    outside.messages_were_sent,
    outside.crm_has_each_change_once,
    outside.crm_agrees,
    outside.mailbox_has_each_mail,
    outside.owners_were_told,
    undo.undone_where_due,
    undo.slots_are_given_back,
    undo.crm_was_put_back,
    undo.handlers_undid_something,
    owners.leads_have_their_owner,
    owners.rounds_are_told_once,
    owners.credits_add_up,
    owners.nobody_holds_too_much,
    versions.instances_have_their_version,
)


@dataclass(frozen=True)
class Verdict:
    """What the checker found."""

    violations: list[Violation]
    stopped: dict[str, str]
    """Leads that wait for an operator → why."""
    states: dict[str, int]
    """State → leads."""
    counts: dict[str, int] = field(default_factory=dict)
    """How much was looked at, so that a verdict on nothing shows."""


def check(evidence: Evidence) -> Verdict:
    """Every rule on the evidence."""
    effects = evidence.tables["effects"]
    counts = {
        "leads accepted": len(evidence.ledger.accepted),
        "withdrawals accepted": len(evidence.ledger.withdrawn),
        "process instances": len(evidence.engine.instances),
        "element instances": len(evidence.engine.steps),
        "effects": len(effects),
        "effects undone": sum(row["undone_at"] is not None for row in effects),
        "assignments": len(evidence.tables["assignments"]),
        "CRM changes": sum(len(changes) for changes in evidence.crm_story.values()),
        "mails": len(evidence.mails),
        "mails that came again": outside.repeated_mails(evidence),
        "placed beside a canary": len(evidence.tables["choices"]),
        "of them in the canary": sum(row["canary"] for row in evidence.tables["choices"]),
        "incidents": len(evidence.engine.incidents),
        "dead letters": len(evidence.tables["dead"]),
    }
    states = Counter(str(lead["state"]) for lead in evidence.tables["leads"])
    found = [violation for rule in RULES for violation in rule(evidence)]
    return Verdict(found, dict(evidence.stopped), dict(states.most_common()), counts)
