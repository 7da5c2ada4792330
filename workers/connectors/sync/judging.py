"""What to do with a lead of which our book and the CRM say different things: pure values and decisions.

Both sides are compared in one form, that of `lead_routing.domain.lead`, each with what both agreed on last (a three-way
merge). So it does not matter who told of a change, how often and in which order, and our own echo is no change at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.connectors.mapping import LeadField, LeadMapping, Place
from workers.connectors.records import Record
from workers.lead_routing.domain.lead import normalise

Values = Mapping[str, str | None]
"""Field of a lead → its value in one form."""

_OF: Mapping[LeadField, str] = {"first_name": "name", "last_name": "name", "website": "domain"}
"""Fields of a mapping that are another one of a lead; the others have the same name."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one field."""

    sync: str
    """As `mapping.Place.sync`."""
    writable: bool
    keeps: bool
    """Whether what people have filled in there stays when both sides first meet (``write: if_empty``)."""


@dataclass(slots=True)
class Verdict:
    """What is to be done, by field."""

    take: dict[str, str | None] = field(default_factory=dict)
    """Our book takes their value."""
    give: dict[str, str | None] = field(default_factory=dict)
    """They get ours."""
    ask: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """A person decides between ours and theirs."""
    agreed: dict[str, str | None] = field(default_factory=dict)
    """Both say the same already."""

    @property
    def different(self) -> list[str]:
        """The fields in which the sides differ."""
        return sorted({*self.take, *self.give, *self.ask})


def rules(mapping: LeadMapping) -> dict[str, Rule]:
    """The fields that are kept equal, and how. A lead's name has the rule of the last name."""
    found: dict[str, Rule] = {}
    for name, place in sorted(mapping.places.items()):  # first_name before last_name
        if place.sync != "never" and place.read:
            found[_OF.get(name, name)] = Rule(place.sync, place.write != "never", place.write == "if_empty")
    return found


def theirs(mapping: LeadMapping, record: Record) -> tuple[dict[str, str | None], frozenset[str]]:
    """What a record says of the fields that are kept equal, and which of them can't be used as they are."""
    normalised = normalise(mapping.lead_of(record))
    wrong = {problem.field for problem in normalised.problems}
    values: dict[str, Any] = {name: getattr(normalised.lead, name) for name in rules(mapping)}
    # A record without an address has the problem that there is none; only what was written badly is unusable.
    return values, frozenset(name for name in wrong if values.get(name) is not None)


def ours(mapping: LeadMapping, lead: Mapping[str, Any]) -> dict[str, str | None]:
    """What our book says of the fields that are kept equal."""
    return {name: lead.get(name) for name in rules(mapping)}


def judge(
    known: Mapping[str, Rule],
    base: Values,
    here: Values,
    there: Values,
    *,
    unusable: frozenset[str],
    theirs_newer: bool,
) -> Verdict:
    """Decide each field. `base`: what both agreed on last; a field that is not in it was never agreed on.

    One side alone changed: its value counts. Both did: as the field's rule says. What can't be used is left alone.
    """
    verdict = Verdict()
    for name, rule in known.items():
        o, t = here.get(name), there.get(name)
        if name in unusable:
            continue
        if o == t:
            verdict.agreed[name] = o
            continue
        met = name in base
        if not rule.writable:
            # Nothing of ours goes there, so only a change there says something.
            if (met and t != base[name]) or (not met and t is not None):
                verdict.take[name] = t
            continue
        side = _side(rule, base.get(name), o, t, met=met, theirs_newer=theirs_newer)
        if side == "theirs":
            verdict.take[name] = t
        elif side == "ours":
            verdict.give[name] = o
        else:
            verdict.ask[name] = (o, t)
    _leave_something(verdict, here)
    return verdict


def _side(rule: Rule, base: str | None, o: str | None, t: str | None, *, met: bool, theirs_newer: bool) -> str:
    if rule.sync in {"ours", "theirs"}:
        return rule.sync
    if met and base in {o, t}:
        return "theirs" if o == base else "ours"
    if not met and (o is None or t is None or rule.keeps):
        return "ours" if t is None else "theirs"
    if rule.sync == "ask":
        return "ask"
    return "theirs" if theirs_newer else "ours"


def _leave_something(verdict: Verdict, here: Values) -> None:
    """A lead that nobody could reach, or without any name, is no lead: such a change is for a person."""
    after = {**here, **verdict.take}
    for needed in (("email", "phone"), ("name", "company")):
        if any(after.get(name) for name in needed) or not any(here.get(name) for name in needed):
            continue
        for name in needed:
            if name in verdict.take:
                verdict.ask[name] = (here.get(name), verdict.take.pop(name))


def properties(mapping: LeadMapping, given: Values) -> dict[str, str]:
    """What a record gets so that it says what `given` says; an empty text clears a property."""
    written: dict[str, str] = {}
    for name, place in mapping.places.items():
        if place.write == "never" or _OF.get(name, name) not in given:
            continue
        value = given[_OF.get(name, name)]
        if name in {"first_name", "last_name"}:
            first, _, last = (value or "").rpartition(" ")
            value = first if name == "first_name" else last
        written[place.property] = value or _empty(place)
    return written


def _empty(place: Place) -> str:
    return place.otherwise or ""


def digest(values: Values, owner_id: str | None) -> str:
    """The same for two sides that say the same: SHA-256 of the values and the owner in a canonical form, in hex."""
    canonical = json.dumps([dict(values), owner_id], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
