"""Reads leads for people: one lead with all that happened, or a list. `fairlead leads` and HTTP share it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.gateway.answers import (
    Account,
    AssignmentView,
    Entry,
    HumanTask,
    HumanTasks,
    LeadPage,
    LeadSummary,
    LeadView,
    Person,
    Sla,
    Versions,
)
from workers.office.teams import LEAD_IS_OURS, Teams

Json = dict[str, Any]  # Any: JSON


class UnknownCursor(ValueError):
    """The cursor is not one that this list gave."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The diagram an instance runs on, and the tables deployed with it."""

    process: str
    decisions: tuple[str, ...]


async def read_lead(connection: AsyncConnection[DictRow], lead_id: str) -> LeadView | None:
    """All that the database knows of a lead, or None. Human tasks are added by `with_tasks`."""
    cursor = await connection.execute(
        """
        SELECT l.*, a.name AS account_name, a.owner_id AS account_owner_id, ao.name AS account_owner_name,
               o.name AS owner_name, o.email AS owner_email, now() AS now
        FROM routing.leads l
        LEFT JOIN crm.accounts a ON a.id = l.account_id
        LEFT JOIN routing.reps ao ON ao.id = a.owner_id
        LEFT JOIN routing.reps o ON o.id = l.owner_id
        WHERE l.lead_id = %s
        """,
        (lead_id,),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    entries = await (
        await connection.execute("SELECT * FROM runtime.timeline WHERE business_id = %s ORDER BY at, id", (lead_id,))
    ).fetchall()
    rounds = await (
        await connection.execute(
            """
            SELECT a.*, r.name, r.email FROM routing.assignments a JOIN routing.reps r ON r.id = a.rep_id
            WHERE a.lead_id = %s ORDER BY a.round
            """,
            (lead_id,),
        )
    ).fetchall()
    deployed = await _deployments(connection, {entry["process_definition_key"] for entry in entries} - {0})
    latest = next((deployed[e["process_definition_key"]] for e in reversed(entries)
                   if e["process_definition_key"] in deployed), None)  # fmt: skip
    instance = row["process_instance_key"] or next(
        (entry["process_instance_key"] for entry in reversed(entries) if entry["process_instance_key"]), None
    )
    return LeadView(
        lead_id=row["lead_id"],
        source=row["source"],
        external_id=row["external_id"],
        state=row["state"],
        state_at=row["state_at"],
        received_at=row["received_at"],
        lead=row["lead"] or row["raw"],
        duplicate_of=row["duplicate_of"],
        account=_account(row),
        score=row["score"],
        routing=row["routing"],
        owner=Person(id=row["owner_id"], name=row["owner_name"], email=row["owner_email"]) if row["owner_id"] else None,
        sla=_sla(row),
        assignments=[_round(item) for item in rounds],
        converted=row["converted"],
        outcome_at=row["outcome_at"],
        process_instance_key=instance,
        versions=Versions(
            process=latest.process if latest else None,
            decisions=list(latest.decisions) if latest else [],
            model=(row["score"] or {}).get("model_version"),
        ),
        human_tasks=HumanTasks(known=False, note="The engine was not asked."),
        timeline=[_entry(entry, deployed) for entry in entries],
    )


def with_tasks(view: LeadView, tasks: HumanTasks) -> LeadView:
    """The view with its user tasks, each also where it belongs in the timeline."""
    entries = list(view.timeline)
    for task in tasks.tasks:
        shared = {"element_id": task.element_id, "process": view.versions.process}
        groups = f"for {', '.join(task.candidate_groups)}" if task.candidate_groups else ""
        if task.created_at is not None:
            entries.append(
                Entry(at=task.created_at, actor="engine", action="task_opened", why=f"{task.name} {groups}".strip(),
                      facts={"task": task.key}, **shared)
            )  # fmt: skip
        if task.completed_at is not None:
            entries.append(
                Entry(at=task.completed_at, actor=_ended_by(task), action=f"task_{task.state.lower()}",
                      why=task.name, facts={"task": task.key}, **shared)
            )  # fmt: skip
    entries.sort(key=lambda entry: entry.at)
    return view.model_copy(update={"human_tasks": tasks, "timeline": entries})


def _ended_by(task: HumanTask) -> str:
    """Who ended a task. Camunda keeps the assignee only, and Tasklist completes nothing that isn't assigned."""
    if task.state == "CANCELED":
        return "engine"  # the process went another way; nobody did anything
    return task.assignee or "API (nobody assigned)"


async def list_leads(
    connection: AsyncConnection[DictRow],
    *,
    state: str | None = None,
    owner: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
    teams: Teams = None,
) -> LeadPage:
    """Leads, latest first; `owner` is a rep's id, `since` the earliest time received, `teams` whose they are.

    Raises:
        UnknownCursor: `cursor` is not one that this list gave.
    """
    after = _decode(cursor) if cursor else (None, None)
    found = await connection.execute(
        f"""
        SELECT l.lead_id, l.source, l.external_id, l.state, l.state_at, l.received_at, l.owner_id,
               r.name AS owner_name, (l.score ->> 'value')::float8 AS score, l.score ->> 'band' AS band, l.sla_due_at
        FROM routing.leads l LEFT JOIN routing.reps r ON r.id = l.owner_id
        WHERE (%(state)s::text IS NULL OR l.state = %(state)s)
          AND (%(owner)s::text IS NULL OR l.owner_id = %(owner)s)
          AND (%(since)s::timestamptz IS NULL OR l.received_at >= %(since)s)
          AND (%(at)s::timestamptz IS NULL OR (l.received_at, l.lead_id) < (%(at)s, %(id)s))
          AND (%(teams)s::text[] IS NULL OR {LEAD_IS_OURS})
        ORDER BY l.received_at DESC, l.lead_id DESC
        LIMIT %(limit)s
        """.encode(),  # noqa: S608 - of our own constants only
        {
            "state": state, "owner": owner, "since": since, "at": after[0], "id": after[1], "limit": limit + 1,
            "teams": None if teams is None else list(teams),
        },
    )  # fmt: skip
    rows = await found.fetchall()
    leads = [LeadSummary.model_validate(row) for row in rows[:limit]]
    more = len(rows) > limit
    return LeadPage(leads=leads, next_cursor=_encode(leads[-1].received_at, leads[-1].lead_id) if more else None)


async def _deployments(connection: AsyncConnection[DictRow], keys: Iterable[int]) -> dict[int, Deployed]:
    """By process definition key: the deployment that first had it (binding `deployment` stays with that one)."""
    wanted = list(keys)
    if not wanted:
        return {}
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (process ->> 'key') process, resources
        FROM runtime.deployments, jsonb_array_elements(resources) AS process
        WHERE (process ->> 'key')::bigint = ANY(%s)
        ORDER BY process ->> 'key', deployed_at
        """,
        (wanted,),
    )
    return {
        int(row["process"]["key"]): Deployed(
            _version(row["process"]),
            tuple(sorted(_version(item) for item in row["resources"] if item.get("kind") == "decisions")),
        )
        for row in await cursor.fetchall()
    }


def _version(resource: Json) -> str:
    """``lead_routing v3 (1.0.0)``."""
    tag = resource.get("version_tag")
    return f"{resource.get('id')} v{resource.get('version')}" + (f" ({tag})" if tag else "")


def _entry(row: DictRow, deployed: dict[int, Deployed]) -> Entry:
    facts = dict(row["facts"])
    at_work = deployed.get(row["process_definition_key"])
    rules, model = facts.pop("rules", None), facts.pop("model_version", None)
    return Entry(
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        why=row["why"],
        element_id=row["element_id"],
        process=at_work.process if at_work else None,
        rules=str(rules) if rules is not None else None,
        model_version=str(model) if model is not None else None,
        facts=facts,
    )


def _round(row: DictRow) -> AssignmentView:
    return AssignmentView.model_validate(
        {**row, "owner": Person(id=row["rep_id"], name=row["name"], email=row["email"])}
    )


def _account(row: DictRow) -> Account | None:
    if row["account_id"] is None:
        return None
    owner = row["account_owner_id"]
    return Account(
        id=row["account_id"],
        name=row["account_name"] or row["account_id"],
        owner=Person(id=owner, name=row["account_owner_name"]) if owner else None,
    )


def _sla(row: DictRow) -> Sla:
    first = row["first_assigned_at"]
    due = row["sla_due_at"]
    return Sla(
        due_at=due,
        overdue=due is not None and row["state"] == "assigned" and due < row["now"],
        breaches=row["sla_breaches"],
        first_assigned_at=first,
        assigned_at=row["assigned_at"],
        accepted_at=row["accepted_at"],
        seconds_to_assignment=(first - row["received_at"]).total_seconds() if first else None,
    )


def _encode(at: datetime, lead_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([at.astimezone(UTC).isoformat(), lead_id]).encode()).decode()


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        at, lead_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        moment = datetime.fromisoformat(at)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise UnknownCursor("The cursor is not one that this list gave.") from None
    if not isinstance(lead_id, str) or "\x00" in lead_id or moment.tzinfo is None or not lead_id.isascii():
        raise UnknownCursor("The cursor is not one that this list gave.")
    return moment, lead_id
