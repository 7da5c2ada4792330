"""What each element of the diagram `lead_routing` owes to the world once its effect was committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from workers.chaos.checker.evidence import Evidence, Row

ENDED: Final = {
    "merged": {"lead_merged"},
    "accepted": {"lead_accepted"},
    "discarded": {
        "lead_discarded__correct_lead", "lead_discarded__triage_lead", "lead_discarded__manager_decision", "lead_was_withdrawn",
    },
    "withdrawn": {"lead_was_withdrawn"},
}  # fmt: skip
"""State that is an end → end events that lead there. Who was discarded may be withdrawn afterwards and stays discarded."""
WAITING: Final = {
    "assigned": "accept_lead",
    "triage": "triage_lead",
    "manager": "manager_decision",
    "invalid": "correct_lead",
}
"""State → the user task that must be open."""
QUEUED: Final = "wait_in_queue"

ONCE: Final = {
    "register_lead", "merge_duplicate", "discard_lead", "assign_owner", "write_owner", "notify_owner",
    "confirm_acceptance", "release_owner", "restore_owner", "recall_notice", "queue_lead", "note_refusal",
    "send_reminder", "send_escalation", "record_withdrawal", "settle_withdrawal", "record_take_over",
    "settle_take_over",
}  # fmt: skip
"""Tasks whose effect must happen once: each completion in the engine has its row, and each row its completion."""
UNDO: Final = {"assign_owner": "release_owner", "write_owner": "restore_owner", "notify_owner": "recall_notice"}
"""Task → its compensation handler."""
UNDONE: Final = {
    "release_owner": "owner_released",
    "restore_owner": "owner_restored",
    "recall_notice": "notice_recalled",
}
"""Handler → the member of its result that says whether there was anything to undo."""
OPERATIONS: Final = "operations"
"""The business id of mails that tell operations of incidents and dead letters."""
EXPLAINED: Final = (
    "Gave up after the last try",
    "times and never gave an answer",
    "The business case was withdrawn",
)
"""What an incident may say after such a day. Anything else (a defect, a contract broken, an owner assigned twice) is a
fault of ours, though it has a name."""


def task_of(element_id: str) -> str:
    """The task that an element runs."""
    return element_id.split("__", 1)[0]


def mails_owed(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Lead id and external id of each mail that the committed effects owe, and of those to operations."""
    for row in evidence.tables["effects"]:
        task = task_of(row["element_id"])
        sent = task in {"notify_owner", "send_reminder", "send_escalation"}
        if sent or (task == "recall_notice" and _undid(row)):
            yield row["business_id"], external_id(row)
    for row in evidence.tables["delivered"]:  # no effect stands behind these; whoever is told is told of incidents
        if (row["channel"], row["business_id"]) == ("mail", OPERATIONS):
            yield "-", row["external_id"]


def changes_owed(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Lead id and change id of each change that the committed effects owe to the CRM."""
    for row in evidence.tables["effects"]:
        task = task_of(row["element_id"])
        lead = evidence.leads.get(row["business_id"])
        sent = task in {"merge_duplicate", "discard_lead", "write_owner", "confirm_acceptance"}
        withdrawn = task == "settle_withdrawal" and lead is not None and lead["state"] == "withdrawn"
        if sent or withdrawn or (task == "restore_owner" and _undid(row)):
            yield row["business_id"], external_id(row)


def external_id(effect: Row) -> str:
    """What the receiver of an effect's only message knows it by."""
    return f"{effect['business_id']}/{effect['element_id']}/{effect['loop_index']}/1"


def must_undo(evidence: Evidence, lead_id: str, loop: str) -> bool:
    """Whether the assignment of a round must be undone: refused, or the lead withdrawn."""
    lead = evidence.leads.get(lead_id)
    return (lead_id, "note_refusal", loop) in evidence.effects or (lead is not None and lead["state"] == "withdrawn")


def _undid(row: Row) -> bool:
    return bool((row["result"] or {}).get(UNDONE[task_of(row["element_id"])]))
