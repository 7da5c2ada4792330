"""SAP's OData v2 services: entities found, made with their children, and changed all or not at all."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx

from workers.connectors.answers import Answer, Json, SystemDown, SystemPause, SystemRefused, dicts
from workers.connectors.line import Line
from workers.connectors.pace import Pace
from workers.connectors.sap import answers, odata
from workers.connectors.sap.login import Login, Session, always
from workers.connectors.sap.odata import Change
from workers.settings import Sap

PAGE = 200
"""Entities that are asked for at once."""

_SERVICES = "Are FAIRLEAD_SAP__SERVICE and FAIRLEAD_SAP__ORDER_SERVICE right?"


class SapClient:
    """Asks one service; no request takes longer than `seconds`, waiting for its turn and logging in included.

    Every method raises `SystemDown`, `SystemPause`, `SystemConflict` and `SystemRefused` (see `connectors.answers`), and
    `AddressRefused` of the transport.
    """

    def __init__(
        self, settings: Sap, login: Login, pace: Pace, transport: httpx.AsyncBaseTransport, *, seconds: float
    ) -> None:
        self.login = login
        self.pace = pace
        self._service = settings.service
        self._always = always(settings)
        self._line = Line("SAP", str(settings.base_url), transport, seconds=seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    async def metadata(self) -> bytes:
        """The service's description of itself, as XML (EDMX)."""
        answer = await self._answer("GET", "$metadata", headers={"Accept": "application/xml"})
        if answer.status != 200 or b"<" not in answer.content[:100]:
            answers.read(answer, "read the $metadata")
            raise SystemDown(f"SAP gave no $metadata ({answer.form}).")
        return answer.content

    async def get(self, path: str, what: str, *, expand: Collection[str] = ()) -> Json | None:
        """An entity at its address below the service, with the children that `expand` names; None: there is none."""
        found = answers.read(await self._answer("GET", path, params=_options(expand=expand)), what)
        return found if found is None else _object(found, what)

    async def pages(
        self,
        entity_set: str,
        where: str,
        *,
        order: str,
        select: Collection[str] = (),
        expand: Collection[str] = (),
    ) -> AsyncIterator[list[Json]]:
        """Entities for which a condition holds, page by page, whoever of both sides makes the pages.

        `order`: the property of the key, as pages by number need an order.
        """
        what, start = f"read {entity_set}", 0
        options = _options(expand=expand) | {"$filter": where, "$orderby": order, "$top": str(PAGE)}
        if select:
            options["$select"] = ",".join(sorted(select))
        while True:
            params, seen = {**options, "$skip": str(start)}, 0
            while params:
                body = answers.read(await self._answer("GET", entity_set, params=params), what)
                page, following = _page(body, what)
                seen += len(page)
                yield page
                # What makes the next page is taken from its address, and never another host or set.
                params = dict(parse_qsl(urlsplit(following).query, keep_blank_values=True)) if following else {}
            if seen < PAGE:
                return
            start += seen

    async def find(self, entity_set: str, where: str, *, order: str, expand: Collection[str] = ()) -> list[Json]:
        """All entities for which a condition holds."""
        return [one async for page in self.pages(entity_set, where, order=order, expand=expand) for one in page]

    async def create(self, entity_set: str, values: Json, what: str) -> Json:
        """Make an entity, with the children among its values (a deep insert); what it is then."""
        answer = await self._answer("POST", entity_set, json=values)
        return _object(answers.read(answer, what), what)

    async def change(self, changes: Sequence[Change], what: str) -> None:
        """Make changes, all of them or none.

        Raises:
            SystemConflict: something is another version than was read.
        """
        kind, body = odata.batch(changes, uuid.uuid4().hex)
        answer = await self._answer("POST", "$batch", headers={"Content-Type": kind}, content=body)
        if answer.status not in {200, 202}:
            answers.read(answer, what)
        outcomes = odata.unbatched(answer)
        for one in outcomes:
            if answers.read(one, what) is None:
                raise SystemRefused(f"SAP could not {what}: a part of it is not there any more. Send it again.")
        if len(outcomes) != len(changes):
            raise SystemDown(f"SAP's answer does not say whether it did {what}; it is looked at again.")

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Json | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """An answer; log-in, session and token are renewed once if they are over, which no refused request outlives."""

        async def sent(session: Session) -> Answer:
            given = {"Accept": "application/json", **self._always, **session.headers, **(headers or {})}
            address = f"{self._service}/{path}"
            return await self._line.send(method, address, headers=given, params=params, json=json, content=content)

        pause = self.pace.turn(patience=self._line.seconds / 2)
        with self._keeping_pauses():
            async with self._line.within():
                await asyncio.sleep(pause)
                session = await self.login.session(self._line)
                answer = await sent(session)
                if answer.status == 401 or answers.csrf_required(answer):
                    answer = await sent(await self.login.session(self._line, instead_of=session))
            if answer.status in {401, 429} or (answer.status >= 500 and answer.pause):
                answers.read(answer, "answer")  # a pause for all requests
            return answer

    @contextmanager
    def _keeping_pauses(self) -> Iterator[None]:
        try:
            yield
        except SystemPause as asked:
            self.pace.close(asked)
            raise


def _options(*, expand: Collection[str]) -> dict[str, str]:
    return {"$format": "json"} | ({"$expand": ",".join(expand)} if expand else {})


def _page(body: object, what: str) -> tuple[list[Json], str | None]:
    """The entities of a page, and where the next one is."""
    if body is None:
        raise SystemRefused(f"SAP knows no way to {what} (404). {_SERVICES}")
    results = body.get("results") if isinstance(body, dict) else body  # OData 1.0 has no object around it
    if not isinstance(results, list):
        raise SystemDown(f"SAP could not {what}: the answer has no list of entities.")
    following = body.get("__next") if isinstance(body, dict) else None
    return dicts(results), following if isinstance(following, str) else None


def _object(found: object, what: str) -> Json:
    if found is None:
        raise SystemRefused(f"SAP knows no way to {what} (404). {_SERVICES}")
    if not isinstance(found, dict):
        raise SystemDown(f"SAP could not {what}: the answer is no entity.")
    return found
