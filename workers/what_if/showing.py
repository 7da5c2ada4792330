"""A replay in words and rows, for the terminal, the file of cases and the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workers.what_if.answer import Case, Figures, Hit, Verdict, WhatIf

ASSUMPTIONS = (
    "Owners take their leads and answer as long after the assignment as the real owner did; a lead that nobody accepted has no answer.",
    "A person who is asked decides at the reminder (half the time given), for the first suggestion; a lead that a person really discarded is discarded whenever a person is asked.",
    "Reps, absences and capacities are those of today's tables; load and credits are those at the first lead.",
    "In time means answered within the time that the table in use gives, from the lead's receipt, on both sides. Expected conversions add up the scores of those: that speed decides is an assumption, not a finding.",
)
"""What the figures rest on."""

COLUMNS = (
    "lead_id", "received_at", "differs",
    *(f"{name}_{side}" for name in ("segment", "territory", "skills", "answer_minutes", "automatic", "score", "owner", "fault", "rules")
      for side in ("before", "after")),
)  # fmt: skip
"""Of the file of cases."""

_NAMES = {
    "segment": "segment",
    "territory": "territory",
    "skills": "skills",
    "answer_minutes": "minutes to answer",
    "automatic": "automatic",
    "score": "score",
    "owner": "owner",
    "fault": "fault",
}


def headline(found: WhatIf) -> str:
    """One sentence on what the change does."""
    return (
        f"{found.leads:,} leads ({found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC) with another "
        f"{found.file}: {found.changed:,} are decided otherwise, {found.moved:,} more change owner because the turn has "
        f"moved on. It took {found.seconds:g} s."
    )


def warnings(found: WhatIf) -> list[str]:
    """What one must know before one trusts the figures."""
    said = list(found.notes)
    if found.as_then < found.leads:
        said.append(
            f"{found.leads - found.as_then:,} leads are decided otherwise today than when they were routed, by the table in "
            f"use too: it, or their data, have changed since. For instance {_ids(found.otherwise_then)}."
        )
    if found.from_the_crm_now:
        said.append(
            f"Of {found.from_the_crm_now:,} leads the company's data of then were not kept; those of the CRM of today stand "
            "in."
        )
    for fault in found.faults:
        table = "the table in use" if fault.side == "before" else "the changed table"
        said.append(
            f"{fault.leads:,} leads would stop with an incident, by {table}: {fault.why} For instance {_ids(fault.lead_ids)}."
        )
    return said


def side_by_side(found: WhatIf) -> list[tuple[str, str, str]]:
    """Name, before, after."""
    sides = found.before, found.after
    rows = [
        *_counts("segment", [side.segments for side in sides]),
        *_counts("territory", [side.territories for side in sides]),
        *_counts("minutes to answer", [side.answer_minutes for side in sides]),
    ]
    return [*rows, *((name, *(read(side) for side in sides)) for name, read in _FIGURES)]  # type: ignore[list-item]


def loads(found: WhatIf) -> Iterator[tuple[str, str, str, str, str]]:
    """Rep, leads before and after, and of those by turn and fair, before → after."""
    for old, new in zip(found.before.reps, found.after.reps, strict=True):
        yield (
            old.name,
            f"{old.leads:,}",
            f"{new.leads:,} ({new.leads - old.leads:+,})",
            f"{old.by_turn:,} → {new.by_turn:,}",
            f"{old.fair:,.1f} → {new.fair:,.1f}",
        )


def case_lines(case: Case) -> tuple[str, str, str, str]:
    """Lead, what differs, which rules matched before, and after."""
    changes = [
        f"{_NAMES[name]}: {_value(case.before, name)} → {_value(case.after, name)}"
        for name in case.differs
        if name in _NAMES
    ]
    others = [name.replace("_", " ") for name in case.differs if name not in _NAMES]
    owner = (
        []
        if case.before.owner == case.after.owner
        else [f"owner: {case.before.owner or 'nobody'} → {case.after.owner or 'nobody'}"]
    )
    return case.lead_id, "\n".join([*changes, *others, *owner]), _rules(case.hits_before), _rules(case.hits_after)


def case_row(case: Case) -> list[str]:
    """A row of the file of cases, see `COLUMNS`."""
    values = [
        _value(side, name)
        for name in ("segment", "territory", "skills", "answer_minutes", "automatic", "score", "owner", "fault")
        for side in (case.before, case.after)
    ]
    rules = [_rules(case.hits_before), _rules(case.hits_after)]
    return [case.lead_id, case.received_at.isoformat(), " ".join(case.differs), *values, *rules]


def _rules(hits: Iterable[Hit]) -> str:
    return "\n".join(f"{hit.decision} {hit.rule}: {hit.text}" for hit in hits)


def _value(side: Verdict, name: str) -> str:
    match getattr(side, name):
        case None:
            return "none"
        case bool() as flag:
            return "yes" if flag else "no"
        case float() as number:
            return f"{number:g}"
        case list() as several:
            return ", ".join(several)
        case one:
            return str(one)


def _counts(name: str, sides: Sequence[dict[str, int]]) -> list[tuple[str, str, str]]:
    keys = list(dict.fromkeys(key for side in sides for key in side))
    if name == "minutes to answer":
        keys.sort(key=float)
    return [(f"{name} {key}", *(f"{side.get(key, 0):,}" for side in sides)) for key in keys]  # type: ignore[misc]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _minutes(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _fairness(side: Figures) -> str:
    return "" if side.fairness is None else f"{side.fairness:.3f}"


_FIGURES = (
    ("decided", lambda side: f"{side.decided:,}"),
    ("assigned", lambda side: f"{side.assigned:,}"),
    ("without human touch", lambda side: _share(side.without_people)),
    ("waited in the queue", lambda side: f"{side.waited:,}"),
    ("nobody got it, or discarded", lambda side: f"{side.nobody:,}"),
    ("minutes to an owner, median", lambda side: _minutes(side.minutes_p50)),
    ("minutes to an owner, 95th percentile", lambda side: _minutes(side.minutes_p95)),
    ("answers simulated", lambda side: f"{side.answers:,}"),
    ("own SLA kept", lambda side: _share(side.sla_kept)),
    ("in time by the table in use", lambda side: _share(side.in_time)),
    ("expected conversions", lambda side: f"{side.expected_conversions:,.1f}"),
    ("fairness (Jain)", _fairness),
)


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5])
