"""What a newcomer has to know of a system before Fairlead works with it: log-in, rights, properties, limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass

from workers.connectors.answers import SystemRefused
from workers.connectors.checking import Finding
from workers.connectors.sap import metadata, odata
from workers.connectors.sap.client import SapClient
from workers.connectors.sap.mapping import OURS, PREFIX, Entity, PartnerMapping
from workers.connectors.sap.metadata import EntitySet, Property
from workers.connectors.sap.partners import (
    ADDRESSES,
    EMAILS,
    PARTNERS,
    PHONES,
    ROLES,
    TO_ADDRESS,
    TO_EMAIL,
    TO_PHONE,
    TO_ROLE,
)

SETS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    PARTNERS: ("makes and updates what a lead became", (TO_ROLE, TO_ADDRESS)),
    ROLES: ("gives the partner its roles", ()),
    ADDRESSES: ("keeps its address", (TO_EMAIL, TO_PHONE)),
    EMAILS: ("keeps its e-mail address", ()),
    PHONES: ("keeps its telephone number", ()),
}
"""What Fairlead needs of the service, what for, and the ways from one set to the others."""


@dataclass(frozen=True, slots=True)
class Used:
    """A property that a mapping uses."""

    length: int | None
    """Characters that the mapping gives it."""
    updated: bool
    fixed: str | bool | None = None
    """What it is given; None: a text of the lead's."""
    decimal: bool = False
    """Whether a number may stand there too: OData v2 writes decimals as texts."""


async def check(client: SapClient, mapping: PartnerMapping) -> AsyncIterator[Finding]:
    """Look at the system without changing anything.

    Raises:
        SystemDown, SystemPause, SystemRefused: SAP can't be asked at all.
    """
    sets = metadata.parse(await client.metadata())
    yield Finding("account", "ok", "log-in", f"taken, with a session and its CSRF token; {len(sets)} entity sets")
    for name, (purpose, ways) in SETS.items():
        yield await readable(client, name, sets.get(name), purpose)
        for way in ways:
            if name in sets and way not in sets[name].children:
                yield Finding(
                    "rights", "wrong", f"{name}.{way}", "The service knows no such way; is it another version?"
                )
    said = "Whether our user may write is not tried, as it would change something; a row that may not is a dead letter."
    yield Finding("rights", "note", "writing", said)
    for name, used in _used(mapping).items():
        if name in sets:
            for finding in properties(sets[name], used):
                yield finding
    partners = sets.get(PARTNERS)
    if partners is not None and mapping.external_id in partners.properties:
        key = partners.properties[mapping.external_id]
        async for finding in held(client, PARTNERS, "BusinessPartner", key, "business partners"):
            yield finding
    said = "SAP tells none; a pause that it asks for (429, 503) is kept."
    yield Finding("limits", "note", "requests", said)


async def readable(
    client: SapClient, name: str, found: EntitySet | None, purpose: str, *, needs: Collection[str] = ("made", "updated")
) -> Finding:
    """Whether a set is there, can be read, and what else is needed of it.

    Raises:
        SystemDown, SystemPause: SAP can't be asked.
    """
    if found is None:
        return Finding("rights", "wrong", name, f"The service has no such set. Fairlead {purpose}.")
    offered = {"made": found.creatable, "updated": found.updatable}
    missing = [word for word in needs if not offered[word]]
    if missing:
        said = f"Can't be {' or '.join(missing)} by this service. Fairlead {purpose}."
        return Finding("rights", "wrong", name, said)
    try:
        async for _ in client.pages(name, f"{found.keys[0]} eq ''", order=found.keys[0]):
            break
    except SystemRefused as error:
        return Finding("rights", "wrong", name, f"{error} Fairlead {purpose}.")
    return Finding("rights", "ok", name, f"Can be read. Fairlead {purpose}.")


def _used(mapping: PartnerMapping) -> dict[str, dict[str, Used]]:
    roles = {"BusinessPartnerRole": Used(max(map(len, mapping.roles)), updated=False, fixed=mapping.roles[0])}
    partner = _of(mapping.person) | _of(mapping.organisation) | {mapping.external_id: Used(20, updated=True)}
    return {
        PARTNERS: partner,
        ROLES: roles,
        ADDRESSES: _of(mapping.address),
        EMAILS: _of(mapping.email),
        PHONES: _of(mapping.phone),
    }


def _of(entity: Entity) -> dict[str, Used]:
    fixed = {
        name: Used(len(value) if isinstance(value, str) else None, updated=False, fixed=value)
        for name, value in entity.fixed.items()
    }
    places = entity.fields.values()
    return fixed | {name: Used(place.length, updated=True) for place in places for name in place.properties}


def properties(entity_set: EntitySet, used: Mapping[str, Used]) -> Iterator[Finding]:
    """What each property of a set is, and what is wrong with it for its use."""
    for name, use in sorted(used.items()):
        found = entity_set.properties.get(name)
        wrong = _wrong(found, use, key=name in entity_set.keys)
        told = found.type + (f", {found.max_length} characters" if found.max_length else "") if found else ""
        yield Finding("fields", "wrong" if wrong else "ok", f"{entity_set.name}.{name}", wrong or told)
    for name, found in entity_set.properties.items():
        if not found.nullable and found.creatable and name not in used and name not in entity_set.keys:
            said = "SAP needs it for something new, and the mapping does not give it. Add it to `fixed` or `fields`."
            yield Finding("fields", "wrong", f"{entity_set.name}.{name}", said)


def _wrong(found: Property | None, use: Used, *, key: bool) -> str:
    """What is wrong with a property for its use; empty: nothing."""
    wanted = "Edm.Boolean" if isinstance(use.fixed, bool) else "Edm.String"
    fits = found is not None and (found.type == wanted or (use.decimal and found.type == "Edm.Decimal"))
    said = ""
    if found is None:
        said = "SAP has no such property. Correct the mapping."
    elif not fits:
        said = f"It is {found.type}, and the mapping gives it {wanted}."
    elif not found.creatable:
        said = "SAP fills it itself (sap:creatable). Take it out of the mapping."
    elif use.updated and not found.updatable and not key:
        said = "It can't be updated (sap:updatable). Move it to `fixed`, or take another."
    elif found.max_length is not None and use.length is not None and use.length > found.max_length:
        said = f"SAP takes {found.max_length} characters, the mapping says {use.length}. Correct `length`."
    elif found.max_length is not None and use.length is None and use.fixed is None:
        said = f"SAP takes {found.max_length} characters. Say so by `length: {found.max_length}`."
    return said


async def held(client: SapClient, entity_set: str, order: str, key: Property, title: str) -> AsyncIterator[Finding]:
    """Whether entities can be found by our key, and none is there twice; `order`: the property of the set's own key.

    Raises:
        SystemDown, SystemPause, SystemRefused: SAP can't be asked.
    """
    name = f"{entity_set}.{key.name}"
    if not key.filterable:
        yield Finding("fields", "wrong", name, "Nothing can be found by it (sap:filterable). Take another.")
        return
    ids: Counter[str] = Counter()
    where = f"startswith({key.name},{odata.text(PREFIX)})"
    async for page in client.pages(entity_set, where, order=order, select={key.name, order}):
        ids.update(said for one in page if OURS.fullmatch(said := str(one.get(key.name))))
    for one in sorted(one for one, number in ids.items() if number > 1):
        said = f"Several {title} have this id: merge them, or take it from all but one."
        yield Finding("account", "wrong", one, said)
    yield Finding("account", "ok", title, f"{len(ids)} have an id of ours.")
