"""Leads in the terminal, with rich."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from workers.gateway.answers import Entry, LeadPage, LeadView

_COLOURS = {
    "accepted": "green", "assigned": "cyan", "triage": "yellow", "manager": "yellow", "invalid": "yellow",
    "queued": "yellow", "merged": "blue", "discarded": "red", "withdrawn": "red",
}  # fmt: skip
_UNDONE = {"released", "crm_restored", "recalled", "withdrawn", "withdrawal_asked", "sla_breached", "discarded"}
_HUMAN = ("task_", "asked", "accepted", "rejected")


def show(view: LeadView) -> RenderableType:
    """One lead: what it is, what was decided and why, and what happened."""
    return Group(Panel(_head(view), title=_state(view.state, view.lead_id), title_align="left"), _timeline(view))


def table(page: LeadPage) -> RenderableType:
    """A list of leads."""
    found = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("received", "lead", "source", "state", "owner", "score"):
        found.add_column(name, no_wrap=name in {"received", "lead"})
    for lead in page.leads:
        score = f"{lead.score:.2f} {lead.band or ''}" if lead.score is not None else "—"
        found.add_row(
            _time(lead.received_at), lead.lead_id, lead.source, _state(lead.state, lead.state),
            lead.owner_name or lead.owner_id or "—", score,
        )  # fmt: skip
    return found


def _head(view: LeadView) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    lead = view.lead
    person = [str(lead[key]) for key in ("name", "email", "phone") if lead.get(key)]
    grid.add_row("lead", " · ".join(person) or "—")
    firm = [str(lead[key]) for key in ("company", "industry", "country") if lead.get(key)]
    grid.add_row("company", " · ".join(firm) or "—")
    grid.add_row("received", f"{_time(view.received_at)} from {view.source} {view.external_id or ''}".rstrip())
    if view.account is not None:
        of = f", owner {view.account.owner.name or view.account.owner.id}" if view.account.owner else ""
        grid.add_row("account", f"{view.account.name}{of}")
    if view.score is not None:
        grid.add_row("score", _score(view.score))
    if view.routing is not None:
        grid.add_row("routing", _routing(view.routing))
    if view.owner is not None:
        why = view.assignments[-1].why if view.assignments else ""
        grid.add_row("owner", f"{view.owner.name or view.owner.id}" + (f" — {why}" if why else ""))
    grid.add_row("SLA", _sla(view))
    if view.duplicate_of:
        grid.add_row("twin of", view.duplicate_of)
    if view.converted is not None:
        grid.add_row("outcome", "converted" if view.converted else "not converted")
    versions = [part for part in (view.versions.process, *view.versions.decisions) if part]
    if view.versions.model:
        versions.append(f"model {view.versions.model}")
    grid.add_row("versions", ", ".join(versions) or "—")
    if not view.human_tasks.known:
        grid.add_row("people", Text(view.human_tasks.note, style="yellow"))
    for task in view.human_tasks.tasks:
        if task.state == "CREATED":
            due = f", due {_time(task.due_at)}" if task.due_at else ""
            grid.add_row("waits for", f"{task.name} ({task.assignee or ', '.join(task.candidate_groups)}{due})")
    return grid


def _score(score: dict[str, Any]) -> str:
    value = score.get("value")
    head = f"{value:.2f} {score.get('band') or ''}" if isinstance(value, int | float) else "—"
    by = f"model {score['model_version']}" if score.get("model_version") else str(score.get("source", ""))
    reasons = [str(reason.get("text") or reason.get("label")) for reason in score.get("reasons") or ()]
    return "\n".join([f"{head} by {by}", *(f"  {reason}" for reason in reasons)])


def _routing(routing: dict[str, Any]) -> str:
    head = [str(routing[key]) for key in ("segment", "territory") if routing.get(key)]
    head += [f"skills {', '.join(routing['skills'])}"] if routing.get("skills") else []
    head += [str(routing["rules"])] if routing.get("rules") else []
    return "\n".join([" · ".join(head), *(f"  {why}" for why in routing.get("why") or ())])


def _sla(view: LeadView) -> Text:
    text = Text()
    if view.sla.seconds_to_assignment is not None:
        text.append(f"assigned after {_span(view.sla.seconds_to_assignment)}")
    if view.sla.due_at is not None:
        style = "red" if view.sla.overdue else ""
        text.append(f"{', ' if text else ''}answer due {_time(view.sla.due_at)}", style)
    if view.sla.breaches:
        text.append(f"{', ' if text else ''}breaches {view.sla.breaches}", "red")
    return text or Text("—")


def _timeline(view: LeadView) -> RenderableType:
    grid = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("when", "after", "who", "what", "why"):
        grid.add_column(name, no_wrap=name in {"when", "after"})
    for entry in view.timeline:
        after = _span((entry.at - view.received_at).total_seconds())
        grid.add_row(_time(entry.at), after, entry.actor, Text(entry.action, style=_style(entry)), _why(entry))
    return grid


def _why(entry: Entry) -> Text:
    text = Text(entry.why)
    by = [part for part in (entry.rules, f"model {entry.model_version}" if entry.model_version else None) if part]
    if by:
        text.append(f" [{', '.join(by)}]", "dim")
    return text


def _style(entry: Entry) -> str:
    if entry.action in _UNDONE:
        return "red"
    return "yellow" if entry.action.startswith(_HUMAN) else "cyan"


def _state(state: str, text: str) -> Text:
    shown = Text(text, style=_COLOURS.get(state, ""))
    return shown if text == state else shown.append(f" {state}", "bold")


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
