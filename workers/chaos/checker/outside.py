"""What must hold of the world outside: each committed effect arrived there, once, and nothing else did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from workers.chaos.checker import story
from workers.chaos.checker.evidence import Evidence, Mail
from workers.chaos.checker.rules import Violation


def outbox_is_empty(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is on its way any more."""
    for row in evidence.tables["outbox"]:
        said = f"{row['channel']} {row['external_id']} waits after {row['tries']} tries: {row['last_error']}"
        yield Violation(row["business_id"], "outbox-left", said)


def messages_were_sent(evidence: Evidence) -> Iterator[Violation]:
    """Each lead's start, and each withdrawal that was taken, was published to the engine."""
    sent = {row["external_id"] for row in evidence.tables["delivered"] if row["channel"] == "zeebe.message"}
    stopped = _stopped_rows(evidence)
    wanted = [(lead_id, f"lead_received:{lead_id}") for lead_id in evidence.leads]
    wanted += [(lead_id, f"lead_withdrawn:{lead_id}") for lead_id in evidence.ledger.withdrawn]
    for lead_id, message in wanted:
        if message not in sent | stopped:
            yield Violation(lead_id, "message-lost", f"{message} was never published")


def _stopped_rows(evidence: Evidence) -> set[str]:
    """External ids of what has a name: dead letters, and rows still under way (which `outbox_is_empty` tells)."""
    return {row["external_id"] for name in ("dead", "outbox") for row in evidence.tables[name]}


def crm_has_each_change_once(evidence: Evidence) -> Iterator[Violation]:
    """The CRM's log has each change that an effect owes, and no other; and it changed no lead more often than that."""
    owed = {change: lead_id for lead_id, change in story.changes_owed(evidence)}
    logged = {change: lead_id for lead_id, changes in evidence.crm_story.items() for change in changes}
    sent = {row["external_id"] for row in evidence.tables["delivered"] if row["channel"] == "crm.lead"}
    for change in owed.keys() - logged.keys() - _stopped_rows(evidence):
        told = "was delivered" if change in sent else "was never sent"
        yield Violation(owed[change], "crm-change-lost", f"{change} is committed and {told}, but not in the CRM's log")
    for change in logged.keys() - owed.keys():
        yield Violation(logged[change], "crm-change-invented", f"the CRM's log has {change}, which no effect owes")
    for change in owed.keys() & logged.keys():
        if owed[change] != logged[change]:
            yield Violation(owed[change], "crm-change-astray", f"{change} went to {logged[change]}")
    rows = Counter((row["change_id"], row["field"]) for row in evidence.tables["crm_log"])
    for (change, field), times in rows.items():
        if times > 1:
            yield Violation(logged[change], "crm-change-twice", f"{change} changed {field} {times} times")
    changed: dict[str, set[str]] = defaultdict(set)
    for row in evidence.tables["crm_log"]:
        if row["field"] != "nothing":
            changed[row["external_id"]].add(row["change_id"])
    for row in evidence.tables["crm_leads"]:
        if row["version"] - 1 != len(changed[row["external_id"]]):
            said = f"{row['version'] - 1} writes for {len(changed[row['external_id']])} changes in the log"
            yield Violation(row["external_id"], "crm-change-twice", said)


def crm_agrees(evidence: Evidence) -> Iterator[Violation]:
    """The CRM says of each lead what the book says: state and owner."""
    found = {row["external_id"]: (row["owner_id"], row["status"]) for row in evidence.tables["crm_leads"]}
    for lead_id, lead in evidence.leads.items():
        if lead_id in evidence.stopped:
            continue
        owner, status = found.get(lead_id, (None, "new"))
        state = lead["state"]
        wanted = state if state in story.ENDED or state == "assigned" else "new"
        holder = lead["owner_id"] if state in {"assigned", "accepted"} else None
        if (owner, status) != (holder, wanted):
            yield Violation(lead_id, "crm-differs", f"the CRM says {status} by {owner}; the book {state} by {holder}")


def mailbox_has_each_mail(evidence: Evidence) -> Iterator[Violation]:
    """Each mail that an effect owes is there at least once, copies are alike, and there is no other.

    A mail may come twice, as SMTP cannot do better; then it has the same Message-ID.
    """
    owed = {
        evidence.message_id(external_id): (lead_id, external_id) for lead_id, external_id in story.mails_owed(evidence)
    }
    stopped = {evidence.message_id(external_id) for external_id in _stopped_rows(evidence)}
    got: dict[str, set[Mail]] = defaultdict(set)
    for mail in evidence.mails:
        got[mail.message_id].add(mail)
    for message_id in owed.keys() - got.keys() - stopped:
        lead_id, external_id = owed[message_id]
        yield Violation(lead_id, "mail-lost", f"{external_id} is committed, but {message_id} is not in the mailbox")
    for message_id in got.keys() - owed.keys():
        mail = next(iter(got[message_id]))
        yield Violation("-", "mail-invented", f"no effect owes {message_id} to {mail.to}: {mail.subject}")
    for message_id, copies in got.items():
        if len(copies) > 1:
            yield Violation("-", "mail-differs", f"{message_id} came with {len(copies)} contents")


def owners_were_told(evidence: Evidence) -> Iterator[Violation]:
    """The owner of each round got one mail about the lead, and one that it is gone if it was taken away."""
    emails = {row["id"]: row["email"] for row in evidence.tables["reps"]}
    mails = {mail.message_id: mail for mail in evidence.mails}
    told: Counter[tuple[str, str]] = Counter()
    for mail in mails.values():  # by Message-ID: copies count once
        if mail.subject.startswith("New lead for you") and "/leads/" in mail.text:
            told[mail.text.split("/leads/")[1].split("/task")[0], mail.to] += 1
    due: Counter[tuple[str, str]] = Counter()
    for (lead_id, element_id, loop), row in evidence.effects.items():
        booked = evidence.assignments.get((lead_id, loop))
        if element_id != "notify_owner" or booked is None:
            continue
        email = emails[booked["rep_id"]]
        due[lead_id, email] += 1
        recall = mails.get(evidence.message_id(f"{lead_id}/recall_notice/{loop}/1"))
        if row["undone_at"] is not None and recall is not None and recall.to != email:
            yield Violation(
                lead_id, "mail-astray", f"round {loop}: {email} had the lead, {recall.to} was told it is gone"
            )
    for lead_id, email in told.keys() | due.keys():
        times, wanted = told[lead_id, email], due[lead_id, email]
        if times > wanted or (times < wanted and lead_id not in evidence.stopped):
            yield Violation(lead_id, "owner-told", f"{email} was told {times} times of a new lead, {wanted} were due")


def repeated_mails(evidence: Evidence) -> int:
    """How many mails came more often than once."""
    return len(evidence.mails) - len({mail.message_id for mail in evidence.mails})
