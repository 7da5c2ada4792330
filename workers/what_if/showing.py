"""A replay in words and rows, for the terminal, the file of cases and the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from workers.what_if.answer import Case, Figures, Hit, RepLoad, Verdict, WhatIf

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

_OTHER = {"triage_sla": "another time for triage", "manager_sla": "another time for managers"}
"""What `Verdict` has no field for."""


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


def glance(found: WhatIf) -> list[tuple[str, str, str]]:
    """What one looks at first: name, how it would be, and beneath it how it is or what it means."""
    measured = [
        (name, read(found.after), f"before {read(found.before)}")
        for name, read in _FIGURES
        if name in _FIRST and read(found.before)
    ]
    changed = f"of {found.leads:,}; {found.moved:,} more change owner"
    return [("Decided otherwise", f"{found.changed:,}", changed), *measured]


def side_by_side(found: WhatIf) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Groups of figures: name, before, after."""
    sides = found.before, found.after
    return [
        ("What becomes of the leads", [(name, read(found.before), read(found.after)) for name, read in _FIGURES]),
        ("Leads by segment", _counts([side.segments for side in sides])),
        ("Leads by territory", _counts([side.territories for side in sides])),
        ("Leads by working minutes to answer", _counts([side.answer_minutes for side in sides])),
    ]


def loads(found: WhatIf) -> list[tuple[str, str, str, str, str]]:
    """Rep, leads before and after, and of those by turn and fair, before → after; the largest change first. Reps
    without leads on either side are left out, see `idle`.
    """
    pairs = [pair for pair in _pairs(found) if pair[0].leads or pair[1].leads]
    return [
        (
            old.name,
            f"{old.leads:,}",
            f"{new.leads:,} ({new.leads - old.leads:+,})" if new.leads != old.leads else f"{new.leads:,}",
            f"{old.by_turn:,} → {new.by_turn:,}",
            f"{old.fair:,.1f} → {new.fair:,.1f}",
        )
        for old, new in sorted(pairs, key=lambda pair: (-abs(pair[1].leads - pair[0].leads), -pair[0].leads))
    ]


def idle(found: WhatIf) -> int:
    """How many reps get nothing on either side."""
    return sum(not old.leads and not new.leads for old, new in _pairs(found))


def case_lines(case: Case, found: WhatIf) -> tuple[list[str], list[str], list[str]]:
    """What differs, which rules matched before, and after."""
    names = {rep.id: rep.name for rep in found.before.reps}
    changes = [
        _OTHER.get(name) or f"{name.replace('_', ' ')}: {_value(case.before, name)} → {_value(case.after, name)}"
        for name in case.differs
    ]
    before, after = (names.get(one.owner or "", "nobody") for one in (case.before, case.after))
    if before != after:
        changes.append(f"owner: {before} → {after}")
    return changes, _rules(case.hits_before), _rules(case.hits_after)


def case_row(case: Case) -> list[str]:
    """A row of the file of cases, see `COLUMNS`."""
    values = [
        _value(side, name)
        for name in ("segment", "territory", "skills", "answer_minutes", "automatic", "score", "owner", "fault")
        for side in (case.before, case.after)
    ]
    rules = ["\n".join(_rules(hits)) for hits in (case.hits_before, case.hits_after)]
    return [case.lead_id, case.received_at.isoformat(), " ".join(case.differs), *values, *rules]


def _pairs(found: WhatIf) -> list[tuple[RepLoad, RepLoad]]:
    return list(zip(found.before.reps, found.after.reps, strict=True))


def _rules(hits: Iterable[Hit]) -> list[str]:
    return [f"{hit.decision} {hit.rule}: {hit.text}" for hit in hits]


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


def _counts(sides: Sequence[dict[str, int]]) -> list[tuple[str, str, str]]:
    keys = dict.fromkeys(key for side in sides for key in side)
    ordered = sorted(keys, key=lambda key: (float(key), "") if key.isdecimal() else (0.0, key))
    before, after = sides
    return [(key, f"{before.get(key, 0):,}", f"{after.get(key, 0):,}") for key in ordered]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _minutes(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _fairness(side: Figures) -> str:
    return "" if side.fairness is None else f"{side.fairness:.3f}"


_FIRST = ("Without human touch", "In time by the table in use", "Expected conversions", "Fairness (Jain)")
_FIGURES: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("Decided", lambda side: f"{side.decided:,}"),
    ("Assigned", lambda side: f"{side.assigned:,}"),
    ("Without human touch", lambda side: _share(side.without_people)),
    ("Waited in the queue", lambda side: f"{side.waited:,}"),
    ("Nobody got it, or discarded", lambda side: f"{side.nobody:,}"),
    ("Minutes to an owner, median", lambda side: _minutes(side.minutes_p50)),
    ("Minutes to an owner, 95th percentile", lambda side: _minutes(side.minutes_p95)),
    ("Answers simulated", lambda side: f"{side.answers:,}"),
    ("Own SLA kept", lambda side: _share(side.sla_kept)),
    ("In time by the table in use", lambda side: _share(side.in_time)),
    ("Expected conversions", lambda side: f"{side.expected_conversions:,.1f}"),
    ("Fairness (Jain)", _fairness),
)


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5])
