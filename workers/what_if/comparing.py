"""Two sides of a replay, lead by lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from workers.lead_routing.domain.routing import Routing
from workers.what_if.answer import Case, Fault, Figures, Hit, Verdict, WhatIf
from workers.what_if.figures import Told
from workers.what_if.tables import Decided

Texts = Mapping[str, Sequence[str]]
"""By decision, each rule's cells (`tables.rule_texts`)."""
SHOWN_IDS = 20
"""Lead ids that a fault or a note names."""

_FIELDS: Mapping[str, Callable[[Routing], object]] = {
    "segment": lambda routing: routing.segment,
    "territory": lambda routing: routing.territory,
    "skills": lambda routing: sorted(routing.skills or ()),
    "answer_minutes": lambda routing: asdict(routing.accept_sla),
    "triage_sla": lambda routing: asdict(routing.triage_sla),
    "manager_sla": lambda routing: asdict(routing.manager_sla),
    "automatic": lambda routing: routing.auto,
}
"""What makes a decision, and not only its reasons."""


def compare(
    file: str,
    before: Sequence[Told],
    after: Sequence[Told],
    texts: tuple[Texts, Texts],
    *,
    sides: tuple[Figures, Figures],
    cases: int,
    notes: Sequence[str],
    seconds: float,
) -> WhatIf:
    """The answer; `before` and `after` tell of the same leads, in the same order. `texts` are of the files before and
    after.
    """
    compared = [(old, new, _differs(old.decided, new.decided)) for old, new in zip(before, after, strict=True)]
    differing = [each for each in compared if each[2]]
    otherwise = [one.lead.lead_id for one in before if not _as_then(one)]
    received = [one.lead.received_at for one in before]
    latest = sorted(differing, key=lambda each: each[0].lead.received_at, reverse=True)[:cases]
    return WhatIf(
        file=file,
        leads=len(compared),
        since=min(received),
        until=max(received),
        as_then=len(compared) - len(otherwise),
        otherwise_then=otherwise[:SHOWN_IDS],
        from_the_crm_now=sum(one.lead.from_the_crm_now for one in before),
        changed=len(differing),
        moved=sum(_owner(old) != _owner(new) for old, new, found in compared if not found),
        before=sides[0],
        after=sides[1],
        cases=[_case(old, new, found, texts) for old, new, found in latest],
        faults=[*_faults("before", before), *_faults("after", after)],
        notes=list(notes),
        seconds=round(seconds, 1),
    )


def _differs(old: Decided, new: Decided) -> list[str]:
    """Fields in which two decisions differ."""
    if old.routing is None or new.routing is None:
        return ["fault"] if (old.routing is None) != (new.routing is None) else []
    before, after = old.routing, new.routing
    score = ["score"] if (old.score.value, old.score.band) != (new.score.value, new.score.band) else []
    return score + [name for name, read in _FIELDS.items() if read(before) != read(after)]


def _as_then(one: Told) -> bool:
    now = one.decided.routing
    return now is not None and all(_plain(read(now)) == _then(one.lead.routing, name) for name, read in _FIELDS.items())


def _then(routing: Mapping[str, Any], field: str) -> object:  # Any: JSON
    names = {"answer_minutes": "accept_sla", "automatic": "auto"}
    found = routing.get(names.get(field, field))
    return sorted(found or ()) if field == "skills" else _plain(found)


def _plain(value: object) -> object:
    """Numbers alike, whether they come from JSON or from a contract."""
    return {key: float(one) for key, one in value.items()} if isinstance(value, dict) else value


def _case(old: Told, new: Told, differs: list[str], texts: tuple[Texts, Texts]) -> Case:
    before, after = _hits(old.decided, texts[0]), _hits(new.decided, texts[1])
    return Case(
        lead_id=old.lead.lead_id,
        instance=old.lead.instance,
        received_at=old.lead.received_at,
        before=_verdict(old),
        after=_verdict(new),
        differs=differs,
        hits_before=[hit for hits in _others(before, after) for hit in hits],
        hits_after=[hit for hits in _others(after, before) for hit in hits],
    )


def _hits(decided: Decided, texts: Texts) -> dict[str, list[Hit]]:
    return {
        decision: [Hit(decision=decision, rule=rule, text=texts[decision][rule - 1]) for rule in rules]
        for decision, rules in decided.matched.items()
    }


def _others(these: Mapping[str, list[Hit]], those: Mapping[str, list[Hit]]) -> list[list[Hit]]:
    """By table in which other rules matched. Rules are told apart by their cells: a new one moves the numbers."""
    return [
        hits
        for table, hits in these.items()
        if {hit.text for hit in hits} != {hit.text for hit in those.get(table, [])}
    ]


def _verdict(one: Told) -> Verdict:
    routing = one.decided.routing
    return Verdict(
        segment=routing.segment if routing else None,
        territory=routing.territory if routing else None,
        skills=sorted(routing.skills or ()) if routing else [],
        answer_minutes=routing.accept_sla.due if routing else None,
        automatic=routing.auto if routing else None,
        score=one.decided.score.value,
        band=one.decided.score.band,
        owner=_owner(one),
        fault=one.decided.fault,
    )


def _owner(one: Told) -> str | None:
    return one.placed.owner.id if one.placed.owner else None


def _faults(side: Literal["before", "after"], told: Sequence[Told]) -> list[Fault]:
    """The commonest reason first."""
    by_reason: dict[str, list[str]] = {}
    for one in told:
        if one.decided.fault is not None:
            by_reason.setdefault(one.decided.fault, []).append(one.lead.lead_id)
    ordered = sorted(by_reason.items(), key=lambda pair: -len(pair[1]))
    return [Fault(side=side, why=why, leads=len(ids), lead_ids=ids[:SHOWN_IDS]) for why, ids in ordered]
