"""HubSpot's CRM API: objects (v3), associations (v4), owners, properties, and what the account allows."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal
from urllib.parse import quote

import httpx

from workers.connectors.answers import Answer, Json, SystemDown, SystemPause, SystemRefused, dicts
from workers.connectors.hubspot import answers
from workers.connectors.hubspot.answers import Fault
from workers.connectors.hubspot.login import Login, Token
from workers.connectors.hubspot.pace import Pace
from workers.connectors.line import Line
from workers.connectors.records import Record

Kind = Literal["contacts", "companies", "deals", "goal_targets"]

BATCH = 100
"""Records that a batch may have."""
PAGE = 100
"""Records of a page; searches and owners could have more."""
PRIMARY = "Primary"
"""In the label of the association that counts."""
MOST_FOUND = 500
"""Records that a search gives at most; HubSpot would give 10,000."""


class HubSpotClient:
    """Asks HubSpot; no request takes longer than `seconds`, waiting for its turn included.

    Every method raises `SystemDown`, `SystemPause` and `SystemRefused` (see `connectors.answers`), and `AddressRefused` of the
    transport.
    """

    def __init__(
        self, base_url: str, login: Login, pace: Pace, transport: httpx.AsyncBaseTransport, *, seconds: float
    ) -> None:
        self.login = login
        self.pace = pace
        self._line = Line("HubSpot", base_url, transport, seconds=seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    async def get(
        self, kind: Kind, record_id: str, properties: Iterable[str], *, id_property: str | None = None
    ) -> Record | None:
        """A record by its id, or by a property whose values are unique; None: there is none."""
        query = {"properties": ",".join(sorted(properties)), **({"idProperty": id_property} if id_property else {})}
        path = f"/crm/v3/objects/{kind}/{quote(record_id, safe='')}"
        body = await self.ask("GET", path, f"read {kind}", params=query)
        return None if body is None else _record(body)

    async def archived(self, kind: Kind, record_id: str) -> bool:
        """Whether a record was deleted; HubSpot keeps it for 90 days."""
        path, what = f"/crm/v3/objects/{kind}/{quote(record_id, safe='')}", f"read {kind}"
        body = await self.ask("GET", path, what, params={"archived": "true"})
        return body is not None and body.get("archived") is True

    async def page(self, kind: Kind, properties: Iterable[str], after: str | None) -> tuple[list[Record], str | None]:
        """`PAGE` records in the order of their ids, and where to go on; None: that was all. What was written is in it."""
        query = {"limit": str(PAGE), "properties": ",".join(sorted(properties)), **({"after": after} if after else {})}
        what = f"list {kind}"
        body = _there(await self.ask("GET", f"/crm/v3/objects/{kind}", what, params=query), what)
        following = ((body.get("paging") or {}).get("next") or {}).get("after")
        return [_record(one) for one in _results(body)], following if isinstance(following, str) else None

    async def search(self, kind: Kind, groups: Sequence[Sequence[Json]], properties: Iterable[str]) -> list[Record]:
        """Records for which all filters of one of the groups hold, `MOST_FOUND` at most.

        HubSpot indexes changes some seconds later: what was just written may not be found.
        """
        asked: Json = {
            "filterGroups": [{"filters": list(group)} for group in groups],
            "properties": sorted(properties),
            "limit": PAGE,
        }
        found: list[Record] = []
        while len(found) < MOST_FOUND:
            body = await self._search(kind, asked)
            found += [_record(one) for one in _results(body)]
            after = ((body.get("paging") or {}).get("next") or {}).get("after")
            if not isinstance(after, str):
                break
            asked["after"] = after
        return found[:MOST_FOUND]

    async def search_all(self, kind: Kind, filters: Sequence[Json], properties: Iterable[str]) -> list[Record]:
        """All records for which all filters hold, however many; by their ids, as a search ends at 10,000."""
        wanted, found, last = sorted(properties), list[Record](), "0"
        while True:
            later: Json = {"propertyName": "hs_object_id", "operator": "GT", "value": last}
            asked: Json = {
                "filterGroups": [{"filters": [*filters, later]}],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": wanted,
                "limit": PAGE,
            }
            page = [_record(one) for one in _results(await self._search(kind, asked))]
            found += page
            if len(page) < PAGE:
                return found
            last = page[-1].id

    async def count(self, kind: Kind, filters: Sequence[Json]) -> int:
        """How many records there are for which all filters hold."""
        body = await self._search(kind, {"filterGroups": [{"filters": list(filters)}], "properties": [], "limit": 1})
        total = body.get("total")
        if not isinstance(total, int):
            raise SystemDown(f"HubSpot's answer to a search of {kind} has no total.")
        return total

    async def upsert(
        self, kind: Kind, id_property: str, records: Mapping[str, Mapping[str, str]]
    ) -> dict[str, Record | Fault]:
        """Write records by a property whose values are unique; a record that is not there is made.

        The outcome of each, by that value; a record that the answer does not name is left out: it is not known what
        became of it, and it may be sent again.
        """
        inputs = [
            {"id": one, "idProperty": id_property, "properties": {**values, id_property: one}}
            for one, values in records.items()
        ]
        return await self._batch(kind, "upsert", inputs, list(records), id_property)

    async def update(self, kind: Kind, records: Mapping[str, Mapping[str, str]]) -> dict[str, Record | Fault]:
        """Write records by their ids; the outcome of each, as `upsert`."""
        inputs = [{"id": one, "properties": dict(values)} for one, values in records.items()]
        return await self._batch(kind, "update", inputs, list(records), None)

    async def read_all(
        self, kind: Kind, ids: Collection[str], properties: Iterable[str], *, id_property: str | None = None
    ) -> dict[str, Record]:
        """Records by their ids, or by a property whose values are unique; those that are not there are left out."""
        wanted, found = sorted(properties), dict[str, Record]()
        ordered = sorted(ids)
        for start in range(0, len(ordered), BATCH):
            part = ordered[start : start + BATCH]
            asked: Json = {"properties": wanted, "inputs": [{"id": one} for one in part]}
            body = _there(
                await self.ask(
                    "POST",
                    f"/crm/v3/objects/{kind}/batch/read",
                    f"read {kind}",
                    json=asked | ({"idProperty": id_property} if id_property else {}),
                ),
                f"read {kind}",
            )
            outcomes = answers.outcomes(body, part, id_property)
            found |= {one: _record(outcome) for one, outcome in outcomes.items() if not isinstance(outcome, Fault)}
        return found

    async def associate(self, kind: Kind, record_id: str, other: Kind, other_id: str) -> None:
        """Associate two records in the most general way; repeating it changes nothing."""
        path = f"/crm/v4/associations/{kind}/{other}/batch/associate/default"
        asked = {"inputs": [{"from": {"id": record_id}, "to": {"id": other_id}}]}
        what = f"associate {kind} with {other}"
        body = await self.ask("POST", path, what, json=asked)
        errors = (body or {}).get("errors")
        if isinstance(errors, list) and errors and isinstance(errors[0], dict):
            raise answers.fault_of(errors[0]).raised(what)

    async def associated(self, kind: Kind, ids: Sequence[str], other: Kind) -> dict[str, str]:
        """Record → the one that it is associated with, the primary one if it says which; those without are left out."""
        found: dict[str, str] = {}
        what = f"read {kind} with {other}"
        for start in range(0, len(ids), BATCH):
            asked: Json = {"inputs": [{"id": one} for one in ids[start : start + BATCH]]}
            path = f"/crm/v4/associations/{kind}/{other}/batch/read"
            for one in _results(_there(await self.ask("POST", path, what, json=asked), what)):
                record_id, to = (one.get("from") or {}).get("id"), dicts(one.get("to"))
                to.sort(
                    key=lambda end: all(
                        PRIMARY not in str(kind.get("label")) for kind in dicts(end.get("associationTypes"))
                    )
                )
                if to and isinstance(record_id, str):
                    found[record_id] = str(to[0].get("toObjectId"))
        return found

    async def owners(self, email: str | None = None) -> list[Json]:
        """The owners of the account, or those with this e-mail address."""
        query = {"limit": str(PAGE), **({"email": email} if email else {})}
        found: list[Json] = []
        while True:
            body = _there(await self.ask("GET", "/crm/v3/owners", "read owners", params=query), "read owners")
            found += [one for one in _results(body) if isinstance(one.get("id"), str)]
            after = ((body.get("paging") or {}).get("next") or {}).get("after")
            if not isinstance(after, str):
                return found
            query["after"] = after

    async def scopes(self) -> set[str]:
        """The rights of the token. That of a private app is asked about; that of an installed one came with them."""
        async with self._line.within():
            token = await self.login.session(self._line)
        if token.scopes is not None:
            return set(token.scopes)
        path, what = "/oauth/v2/private-apps/get/access-token-info", "read the token's rights"
        body = _there(await self.ask("POST", path, what, json={"tokenKey": token.value}), what)
        found = body.get("scopes")
        return {str(one) for one in found} if isinstance(found, list) else set()

    async def ask(
        self, method: str, path: str, what: str, *, params: Mapping[str, str] | None = None, json: Json | None = None
    ) -> Json | None:
        """The JSON that HubSpot answers with; None for 404. `what` says for messages what was to be done."""
        return await self._ask(method, path, what, search=False, params=params, json=json)

    async def _search(self, kind: Kind, asked: Json) -> Json:
        what = f"search {kind}"
        body = await self._ask("POST", f"/crm/v3/objects/{kind}/search", what, search=True, json=asked)
        return _there(body, what)

    async def _batch(
        self, kind: Kind, action: str, inputs: Sequence[Json], ids: Sequence[str], key: str | None
    ) -> dict[str, Record | Fault]:
        done: dict[str, Record | Fault] = {}
        for start in range(0, len(inputs), BATCH):
            part, names = inputs[start : start + BATCH], ids[start : start + BATCH]
            path = f"/crm/v3/objects/{kind}/batch/{action}"
            body = _there(await self.ask("POST", path, f"write {kind}", json={"inputs": part}), f"write {kind}")
            for one, outcome in answers.outcomes(body, names, key).items():
                done[one] = outcome if isinstance(outcome, Fault) else _record(outcome)
        return done

    async def _ask(
        self,
        method: str,
        path: str,
        what: str,
        *,
        search: bool,
        params: Mapping[str, str] | None = None,
        json: Json | None = None,
    ) -> Json | None:
        pause = self.pace.wait(search=search, patience=self._line.seconds / 2)
        try:
            async with self._line.within():
                await asyncio.sleep(pause)
                token = await self.login.session(self._line)
                answer = await self._send(token, method, path, params=params, json=json)
                if answer.status == 401 and self.login.renews:  # it ended; the request did nothing
                    token = await self.login.session(self._line, instead_of=token)
                    answer = await self._send(token, method, path, params=params, json=json)
            self.pace.told(answer.headers)
            return answers.read(answer, what)
        except SystemPause as asked:
            self.pace.close(asked)
            raise

    async def _send(
        self, token: Token, method: str, path: str, *, params: Mapping[str, str] | None, json: Json | None
    ) -> Answer:
        log_in = {"Authorization": f"Bearer {token.value}"}
        return await self._line.send(method, path, headers=log_in, params=params, json=json)


def _record(body: Json) -> Record:
    record_id, properties = body.get("id"), body.get("properties")
    if not isinstance(record_id, str) or not isinstance(properties, dict):
        raise SystemDown("HubSpot's answer is no record.")
    return Record(record_id, properties)


def _results(body: Json) -> list[Json]:
    found = body.get("results")
    if not isinstance(found, list):
        raise SystemDown("HubSpot's answer has no results.")
    return dicts(found)


def _there(body: Json | None, what: str) -> Json:
    if body is None:
        raise SystemRefused(f"HubSpot knows no way to {what} (404). Is FAIRLEAD_HUBSPOT__BASE_URL right?")
    return body
