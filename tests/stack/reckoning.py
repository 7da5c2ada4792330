"""Reads database, CRM, mailbox and engine after the fact, and says what does not add up: lost, twice, or too much.

Written apart from the runtime: it knows the tables and what a lead's story must be, not how the workers keep it so.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from tests.stack.office import PROCESS, Office, Row, read_mails

ENDED = {"merged", "accepted", "discarded", "withdrawn"}
WAITING_FOR = {
    "assigned": "accept_lead",
    "triage": "triage_lead",
    "manager": "manager_decision",
    "invalid": "correct_lead",
}
"""State of a lead → the human task that must be open for it."""
MOST = 10_000
SAME = 1e-6


async def problems(office: Office) -> list[str]:
    """Everything that does not add up, in words; none: all is well. The stack must have come to rest."""
    found = await _database(office)
    found += await _crm(office)
    found += await _mails(office)
    found += await _engine(office)
    return found


async def _database(office: Office) -> list[str]:
    found = [
        f"{row['n']} rows are left in {row['name']}"
        for row in await office.rows(
            """SELECT 'the outbox' AS name, count(*) AS n FROM runtime.outbox
            UNION ALL SELECT 'the dead letters', count(*) FROM runtime.dead_letters"""
        )
        if row["n"]
    ]
    for row in await office.rows(
        """SELECT l.lead_id, l.state, l.owner_id, array_agg(a.rep_id) FILTER (WHERE a.rep_id IS NOT NULL AND a.released_at IS NULL) AS holders
        FROM routing.leads l LEFT JOIN routing.assignments a USING (lead_id) GROUP BY l.lead_id"""
    ):
        holders = row["holders"] or []
        wanted = [row["owner_id"]] if row["state"] in {"assigned", "accepted"} else []
        if holders != wanted:
            found.append(f"{row['lead_id']} is {row['state']} with {row['owner_id']}, but is held by {holders}")
    found += [
        f"effects of {row['business_id']} were done by {row['n']} process instances"
        for row in await office.rows(
            """SELECT business_id, count(DISTINCT process_instance_key) AS n FROM runtime.effects
            GROUP BY business_id HAVING count(DISTINCT process_instance_key) > 1"""
        )
    ]
    found += [
        f"{row['element_id']} {row['loop_index']} of {row['business_id']} was done {row['n']} times"
        for row in await office.rows(
            """SELECT business_id, element_id, loop_index, count(*) AS n FROM runtime.effects
            GROUP BY business_id, element_id, loop_index HAVING count(*) > 1"""
        )
    ]
    found += [
        f"{row['business_id']} was {row['action']} {row['n']} times in round {row['round']}"
        for row in await office.rows(
            """SELECT business_id, action, facts ->> 'round' AS round, count(*) AS n FROM runtime.timeline
            WHERE action IN ('assigned', 'accepted', 'rejected')
            GROUP BY business_id, action, facts ->> 'round' HAVING count(*) > 1"""
        )
    ]
    return found + await _credits(office) + await _capacity(office)


async def _credits(office: Office) -> list[str]:
    """A member's credit is what the assignments that stand say it is; everybody here began with nothing."""
    said: dict[tuple[str, str], float] = defaultdict(float)
    for row in await office.rows("SELECT pool, credits FROM routing.assignments WHERE released_at IS NULL"):
        for rep_id, change in row["credits"].items():
            said[row["pool"], rep_id] += change
    have = {(row["pool"], row["rep_id"]): row["credit"] for row in await office.rows("SELECT * FROM routing.credits")}
    return [
        f"credit of {key} is {have.get(key, 0.0)}, the assignments say {said.get(key, 0.0)}"
        for key in have.keys() | said.keys()
        if abs(have.get(key, 0.0) - said.get(key, 0.0)) > SAME
    ]


async def _capacity(office: Office) -> list[str]:
    """Nobody ever held more open leads, or got more on one day, than was agreed."""
    found = []
    reps = {row["id"]: row for row in await office.rows("SELECT * FROM routing.reps")}
    moves: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for row in await office.rows("SELECT * FROM routing.assignments"):
        moves[row["rep_id"]].append((row["assigned_at"], 1))
        gone = min((at for at in (row["released_at"], row["closed_at"]) if at is not None), default=None)
        if gone is not None:
            moves[row["rep_id"]].append((gone, -1))
    for rep_id, steps in moves.items():
        held = most = 0
        for _, step in sorted(steps):
            held += step
            most = max(most, held)
        if most > reps[rep_id]["open_capacity"]:
            found.append(f"{rep_id} held {most} open leads, {reps[rep_id]['open_capacity']} were agreed")
    found += [
        f"{row['rep_id']} got {row['n']} leads on {row['local_day']}, {row['daily_capacity']} were agreed"
        for row in await office.rows(
            """SELECT a.rep_id, a.local_day, r.daily_capacity, count(*) AS n
            FROM routing.assignments a JOIN routing.reps r ON r.id = a.rep_id WHERE a.released_at IS NULL
            GROUP BY a.rep_id, a.local_day, r.daily_capacity HAVING count(*) > r.daily_capacity"""
        )
    ]
    return found


async def _crm(office: Office) -> list[str]:
    """Every change arrived, once, and the CRM says what we say."""
    found = []
    sent = {r["external_id"] for r in await office.rows("SELECT * FROM runtime.delivered WHERE channel = 'crm.lead'")}
    logged = Counter((r["change_id"], r["field"]) for r in await office.rows("SELECT * FROM crm.change_log"))
    arrived = {change for change, _ in logged}
    found += [f"change {change} was delivered, but the CRM does not know it" for change in sent - arrived]
    found += [f"the CRM knows change {change}, which nobody delivered" for change in arrived - sent]
    found += [f"the CRM made change {key} {n} times" for key, n in logged.items() if n > 1]
    for row in await office.rows(
        """SELECT l.lead_id, l.state, l.owner_id, c.owner_id AS crm_owner, c.status, c.version,
            (SELECT count(DISTINCT change_id) FROM crm.change_log g
             WHERE g.external_id = l.lead_id AND field <> 'nothing') AS changes
        FROM routing.leads l JOIN crm.leads c ON c.external_id = l.lead_id"""
    ):
        if row["version"] != 1 + row["changes"]:
            found.append(f"the CRM changed {row['lead_id']} {row['version'] - 1} times for {row['changes']} changes")
        if row["state"] in {"assigned", "accepted"} and (row["crm_owner"], row["status"]) != (
            row["owner_id"],
            row["state"],
        ):
            found.append(f"{row['lead_id']}: the CRM says {row['status']} by {row['crm_owner']}, we {row['state']}")
    return found


async def _mails(office: Office) -> list[str]:
    """Every mail arrived at least once, a repeat has the same Message-ID, and each owner was written to once."""
    mails = office.mails()
    ids = {str(mail["Message-ID"]) for mail in mails}
    sent = await office.rows("SELECT external_id FROM runtime.delivered WHERE channel = 'mail'")
    wanted = {_message_id(row["external_id"]) for row in sent}
    found = [f"mail {one} was delivered, but is not in the mailbox" for one in wanted - ids]
    found += [f"mail {one} is in the mailbox, but nobody sent it" for one in ids - wanted]
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for mail in mails:
        body = mail.get_body(("plain",))
        text = body.get_content() if body else ""
        if "/leads/" in text and str(mail["Subject"]).startswith("New lead for you"):
            told[text.split("/leads/")[1].split("/task")[0], str(mail["To"])].add(str(mail["Message-ID"]))
    booked = Counter(
        (row["lead_id"], row["email"])
        for row in await office.rows(
            """SELECT a.lead_id, r.email FROM routing.assignments a JOIN routing.reps r ON r.id = a.rep_id
            JOIN runtime.effects e ON e.business_id = a.lead_id AND e.element_id = 'notify_owner'
                AND e.loop_index = a.round::text"""
        )
    )
    found += [
        f"{key[1]} got {len(told.get(key, ()))} mails on {key[0]}, {booked[key]} were due"
        for key in told.keys() | booked.keys()
        if len(told.get(key, ())) != booked[key]
    ]
    return found


def repeated_mails(office: Office) -> int:
    """How many mails came more than once: at least once is what is promised."""
    mails = read_mails(office.settings.home / "mail")
    return len(mails) - len({str(mail["Message-ID"]) for mail in mails})


def _message_id(external_id: str) -> str:
    """As `office.mail` promises: it depends on the outbox row alone."""
    return f"<{hashlib.sha256(f'mail:{external_id}'.encode()).hexdigest()[:32]}@example.com>"


async def _engine(office: Office) -> list[str]:
    """One instance for each lead, no incident, and an open task exactly where somebody is to act."""
    found = [
        f"incident at {one.element_id} of instance {one.process_instance_key}: {one.message}"
        for one in await office.camunda.incidents(limit=MOST)
    ]
    leads = await office.rows("SELECT lead_id, state, process_instance_key AS instance FROM routing.leads")
    instances = {one.key: one.state for one in await office.camunda.process_instances(PROCESS, limit=MOST)}
    if len(instances) != len(leads):
        found.append(f"{len(leads)} leads have {len(instances)} process instances")
    tasks: dict[int, list[str]] = defaultdict(list)
    for task in await office.camunda.user_tasks(limit=MOST):
        tasks[task.process_instance_key].append(task.element_id)
    for lead in leads:
        here, state = tasks.get(lead["instance"], []), instances.get(lead["instance"])
        wanted = [WAITING_FOR[lead["state"]]] if lead["state"] in WAITING_FOR else []
        if here != wanted:
            found.append(f"{lead['lead_id']} is {lead['state']} with the open tasks {here}")
        if state != ("COMPLETED" if lead["state"] in ENDED else "ACTIVE"):
            found.append(f"{lead['lead_id']} is {lead['state']}, its process instance {state}")
    return found


async def at_rest(office: Office, within: float) -> list[str]:
    """Wait until everything adds up (searches lag the engine); what does not, when the time is over."""
    last: list[str] = []

    async def well() -> bool:
        last[:] = await problems(office)
        return not last

    try:
        await office.until(well, "everything to add up", within)
    except AssertionError as error:
        return last or [str(error)]
    return []


def by_state(leads: Sequence[Row]) -> dict[str, int]:
    """How many leads are in each state."""
    return dict(Counter(str(lead["state"]) for lead in leads).most_common())
