"""Salesforce's REST API: records, collections, queries, descriptions, and what the organisation allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal
from urllib.parse import quote

import httpx

from workers.connectors.answers import Answer, Json, SystemDown, SystemPause, SystemRefused, dicts
from workers.connectors.line import Line
from workers.connectors.salesforce import answers
from workers.connectors.salesforce.answers import Fault
from workers.connectors.salesforce.login import Login, Session
from workers.connectors.salesforce.pace import Pace
from workers.connectors.salesforce.read import Read, record_of

Kind = Literal["Lead", "Account", "Opportunity", "User", "ForecastingQuota", "ForecastingType", "Period"]

VERSION = "v62.0"
"""Winter '25; each version is served for three years at least."""
BATCH = 200
"""Records that a collection may have."""

ROOT = "/services/data/"
"""Before the version, in every address."""
# Else the organisation's assignment rules give a lead to somebody else as soon as we write it; and a duplicate rule that
# only alerts would refuse it. Which leads are the same is lead routing's question.
WRITES = {"Sforce-Auto-Assign": "FALSE", "Sforce-Duplicate-Rule-Header": "allowSave=true"}
"""Headers of each request."""


class SalesforceClient:
    """Asks Salesforce; no request takes longer than `seconds`, waiting for its turn and logging in included.

    Every method raises `SystemDown`, `SystemPause`, `SystemConflict` and `SystemRefused` (see `connectors.answers`), and
    `AddressRefused` of the transport.
    """

    def __init__(
        self, base_url: str, login: Login, pace: Pace, transport: httpx.AsyncBaseTransport, *, seconds: float
    ) -> None:
        self.login = login
        self.pace = pace
        self._line = Line("Salesforce", base_url, transport, seconds=seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    async def session(self, *, instead_of: Session | None = None) -> Session:
        """Who we are there; a new session if it is `instead_of`, which was refused."""
        with self._keeping_pauses():
            async with self._line.within():
                return await self.login.session(self._line, instead_of=instead_of)

    async def get(self, kind: Kind, record_id: str, fields: Iterable[str], *, key: str | None = None) -> Read | None:
        """A record by its id, or by a field that is an external id; None: there is none."""
        path = f"/sobjects/{kind}/" + (f"{key}/" if key else "") + quote(record_id, safe="")
        answer, body = await self._answer("GET", path, f"read {kind}", params={"fields": ",".join(sorted(fields))})
        return None if body is None else record_of(body, answer)

    async def pages(self, query: str, *, deleted: bool = False) -> AsyncIterator[list[Read]]:
        """What a query finds, page by page; `deleted`: among what lies in the recycle bin too."""
        path, params = "/queryAll" if deleted else "/query", {"q": query}
        while True:
            answer, found = await self._answer("GET", path, "query", params=params)
            body = _object(found, "query")
            yield [record_of(one, answer) for one in dicts(body.get("records"))]
            following = body.get("nextRecordsUrl")
            if body.get("done") is not False:
                return
            # Never anywhere else than where the query was sent.
            if not isinstance(following, str) or not following.startswith(ROOT):
                raise SystemDown("Salesforce's answer does not say where the next page is.")
            path, params = following, {}

    async def query(self, query: str, *, deleted: bool = False) -> list[Read]:
        """All that a query finds; `deleted` as in `pages`."""
        return [record async for page in self.pages(query, deleted=deleted) for record in page]

    async def count(self, kind: Kind, where: str) -> int:
        """How many records there are for which a condition holds."""
        asked = f"SELECT COUNT() FROM {kind} WHERE {where}"  # noqa: S608 - SOQL, of literals by `soql`
        body = _object(await self.ask("GET", "/query", f"count {kind}", params={"q": asked}), f"count {kind}")
        total = body.get("totalSize")
        if not isinstance(total, int):
            raise SystemDown(f"Salesforce's answer to a count of {kind} has no total.")
        return total

    async def about(self, kind: Kind) -> int:
        """About how many records there are: what Salesforce counted a while ago, at no cost however many they are."""
        what = f"count {kind}"
        body = _object(await self.ask("GET", "/limits/recordCount", what, params={"sObjects": kind}), what)
        counts = [one.get("count") for one in dicts(body.get("sObjects")) if one.get("name") == kind]
        return counts[0] if counts and isinstance(counts[0], int) else 0

    async def upsert(self, kind: Kind, key: str, records: Mapping[str, Mapping[str, str]]) -> dict[str, str | Fault]:
        """Write records by a field that is an external id; a record that is not there is made.

        The id of each there, or what was wrong with it, by our id; a record that the answer does not tell of is left
        out: it is not known what became of it, and it may be sent again.
        """
        bodies = {one: {**values, key: one} for one, values in records.items()}
        return await self._collection("PATCH", f"/composite/sobjects/{kind}/{key}", kind, bodies)

    async def _collection(
        self, method: str, path: str, kind: Kind, records: Mapping[str, Mapping[str, object]]
    ) -> dict[str, str | Fault]:
        done: dict[str, str | Fault] = {}
        given, what = list(records.items()), f"write {kind}"
        for start in range(0, len(given), BATCH):
            part = dict(given[start : start + BATCH])
            bodies = [{"attributes": {"type": kind}, **values} for values in part.values()]
            results = await self.ask(method, path, what, json={"allOrNone": False, "records": bodies})
            if results is None:
                where = path.removeprefix("/composite/sobjects/").replace("/", ".")
                raise SystemRefused(
                    f"Salesforce knows no {where}, or our user can't see it; `fairlead connect check salesforce` says what to do."
                )
            done |= answers.outcomes(part, results)
        return done

    async def update(
        self, kind: Kind, record_id: str, values: Mapping[str, str], *, unless_changed_since: datetime | None
    ) -> None:
        """Write a record by its id.

        Raises:
            SystemConflict: it was changed after that moment, which counts in whole seconds.
        """
        since = unless_changed_since
        condition = {} if since is None else unmodified_since(since)
        path, what = f"/sobjects/{kind}/{quote(record_id, safe='')}", f"write {kind}"
        _, found = await self._answer("PATCH", path, what, json=dict(values), headers=condition)
        if found is None:
            raise answers.gone().raised(what)

    async def update_all(self, kind: Kind, records: Mapping[str, Mapping[str, object]]) -> dict[str, str | Fault]:
        """Write records by their ids; the outcome of each, as `upsert`."""
        bodies = {one: {**values, "id": one} for one, values in records.items()}
        return await self._collection("PATCH", "/composite/sobjects", kind, bodies)

    async def create_all(self, kind: Kind, records: Mapping[str, Mapping[str, object]]) -> dict[str, str | Fault]:
        """Make records, by whatever we call them; the outcome of each, as `upsert`."""
        return await self._collection("POST", "/composite/sobjects", kind, records)

    async def delete_all(self, kind: Kind, record_ids: Collection[str]) -> dict[str, str | Fault]:
        """Delete records by their ids; the outcome of each, as `upsert`."""
        done: dict[str, str | Fault] = {}
        given = sorted(record_ids)
        for start in range(0, len(given), BATCH):
            part = given[start : start + BATCH]
            asked = {"ids": ",".join(part), "allOrNone": "false"}
            done |= answers.outcomes(
                part, await self.ask("DELETE", "/composite/sobjects", f"delete {kind}", params=asked)
            )
        return done

    async def describe(self, kind: Kind) -> Json:
        """What there is to know of a kind of record: rights, fields."""
        return _object(await self.ask("GET", f"/sobjects/{kind}/describe", f"describe {kind}"), f"describe {kind}")

    async def create(self, path: str, what: str, values: Json) -> str:
        """Make something at ``/sobjects/…``, of the data or the Tooling API; its id."""
        found = answers.outcome(_object(await self.ask("POST", path, what, json=values), what))
        if isinstance(found, Fault):
            raise found.raised(what)
        if found is None:
            raise SystemDown(f"Salesforce's answer does not say whether it did {what}.")
        return found

    async def ask(
        self, method: str, path: str, what: str, *, params: Mapping[str, str] | None = None, json: Json | None = None
    ) -> object:
        """The JSON that Salesforce answers with; None for 404. `what` says for messages what was to be done."""
        return (await self._answer(method, path, what, params=params, json=json))[1]

    async def _answer(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Answer, object]:
        """An answer, and its JSON as `answers.read` has it."""
        answer = await self.exchange(method, path, params=params, json=json, headers=headers)
        return answer, self.read(answer, what)

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Json | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """An answer as it came; a session that expired is renewed once. `sink` as in `Line.send`."""
        address = path if path.startswith(ROOT) else f"{ROOT}{VERSION}{path}"
        pause = self.pace.turn(patience=self._line.seconds / 2)

        async def send(session: Session) -> Answer:
            sent = {"Authorization": f"Bearer {session.token}", **WRITES, **(headers or {})}
            return await self._line.send(
                method, address, headers=sent, params=params, json=json, content=content, sink=sink
            )

        with self._keeping_pauses():
            async with self._line.within():
                await asyncio.sleep(pause)
                session = await self.login.session(self._line)
                answer = await send(session)
                if answer.status == 401:
                    answer = await send(await self.login.session(self._line, instead_of=session))
            self.pace.told(answer.headers)
        return answer

    def read(self, answer: Answer, what: str) -> object:
        """The JSON of an answer, as `answers.read` has it; a pause that it asks for is kept."""
        with self._keeping_pauses():
            return answers.read(answer, what)

    @contextmanager
    def _keeping_pauses(self) -> Iterator[None]:
        try:
            yield
        except SystemPause as asked:
            self.pace.close(asked)
            raise


def unmodified_since(moment: datetime) -> dict[str, str]:
    """The header by which a record is written only if it was not changed after a moment, in whole seconds."""
    return {"If-Unmodified-Since": format_datetime(moment.astimezone(UTC), usegmt=True)}


def _object(found: object, what: str) -> Json:
    if found is None:
        raise SystemRefused(f"Salesforce knows no way to {what} (404). Is FAIRLEAD_SALESFORCE__BASE_URL right?")
    if not isinstance(found, dict):
        raise SystemDown(f"Salesforce could not {what}: the answer is no object.")
    return found
