"""The one adapter for Camunda's REST API v2, for 8.6 to 8.9.

What differs between versions and is made equal here: 8.6 logs in at ``/api/login`` and keeps a session cookie, later
versions take Basic authentication, and all an OAuth token; 8.6 calls a user task's key ``key`` and sends keys as
numbers, later ones call it ``userTaskKey`` and send text; before 8.8 elements and variables are found by Operate's own
API only, which is gone from 8.10 on. Which version it is the cluster tells. Searches lag the engine by its exporter:
seconds, more under load. What runs where: docs/engine-versions.md.
Reference: https://docs.camunda.io/docs/apis-tools/orchestration-cluster-api-rest/orchestration-cluster-api-rest-overview/
"""

from __future__ import annotations

import json
import re
import ssl
import time
from types import TracebackType
from typing import Self

import httpx

from workers.engine.errors import UnreachableError
from workers.engine.found import FoundIncident, FoundInstance, FoundTask, Json, incident_of, instance_of, task_of
from workers.settings import Settings

TIMEOUT_SECONDS = 20.0
TOKEN_SPARE_SECONDS = 30.0
"""A token is renewed this long before it expires."""


class RestError(UnreachableError):
    """Camunda's REST API refused a request."""

    def __init__(self, what: str, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(f"Camunda refused to {what} (HTTP {status}): {detail}")


class CamundaRest:
    """Use as ``async with CamundaRest(settings) as camunda``; it logs in at the first request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        zeebe = settings.zeebe
        basic = None if zeebe.oauth_client_id else httpx.BasicAuth(zeebe.username, zeebe.password.get_secret_value())
        self._trust = ssl.create_default_context(cafile=zeebe.ca_file)
        self._http = httpx.AsyncClient(
            base_url=settings.camunda_url, timeout=TIMEOUT_SECONDS, auth=basic, verify=self._trust
        )
        self._token_until = 0.0
        self._logged_in = False
        self._version: tuple[int, ...] = ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def user_tasks(
        self,
        state: str | None = "CREATED",
        process_instance_key: int | None = None,
        element_id: str | None = None,
        limit: int = 100,
        candidate_user: str | None = None,
    ) -> list[FoundTask]:
        """User tasks, oldest first; ``state`` is CREATED, COMPLETED, CANCELED or FAILED, None: any."""
        wanted = {
            "state": state,
            "processInstanceKey": _text(process_instance_key),
            "elementId": element_id,
            "candidateUser": candidate_user,
        }
        sort = [{"field": "creationDate", "order": "ASC"}]
        return [task_of(one) for one in await self._search("user-tasks", wanted, limit, sort)]

    async def assign_user_task(self, key: int, assignee: str) -> None:
        """Give a user task to a person, also if it has another already. Raises `RestError`."""
        body = {"assignee": assignee, "allowOverride": True}
        await self._request(f"assign user task {key}", "POST", f"/v2/user-tasks/{key}/assignment", body)

    async def complete_user_task(self, key: int, variables: Json | None = None) -> None:
        """Complete a user task with ``variables``. Raises `RestError`, with status 404 if it is not there (yet)."""
        body = {"variables": variables or {}}
        await self._request(f"complete user task {key}", "POST", f"/v2/user-tasks/{key}/completion", body)

    async def incidents(self, process_instance_key: int | None = None, limit: int = 100) -> list[FoundIncident]:
        """Incidents that wait for somebody."""
        wanted = {"state": "ACTIVE", "processInstanceKey": _text(process_instance_key)}
        return [incident_of(one) for one in await self._search("incidents", wanted, limit)]

    async def process_instances(
        self, process_id: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[FoundInstance]:
        """Process instances; ``state`` is ACTIVE, COMPLETED or CANCELED (from 8.8 on TERMINATED), None: any."""
        if await self._older_than(8, 7):  # it finds only what its filter names, and has no one filter for the state
            names = ("running", "active", "incidents", "finished", "completed", "canceled")
            wanted: Json = {"bpmnProcessId": process_id} | dict.fromkeys(names, True)
        else:
            wanted = {"processDefinitionId": process_id, "state": state}
        found = [instance_of(one) for one in await self._search("process-instances", wanted, limit)]
        return [one for one in found if state in {None, one.state}]

    async def pass_on(self, method: str, path: str, body: bytes) -> httpx.Response:
        """Somebody else's JSON request with our log-in; the answer as it is. Raises `UnreachableError`."""
        await self._logged()
        answer = await self._send(method, path, body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            answer = await self._send_again(method, path, body)
        return answer

    async def element_state(self, key: int, process_instance_key: int, element_id: str) -> str | None:
        """State of that instance of an element: ACTIVE, COMPLETED or TERMINATED; None if the search knows none (yet)."""
        where = {"processInstanceKey": str(process_instance_key)}
        return await self._state(
            ("flownode-instances", {"key": key, "processInstanceKey": process_instance_key, "flowNodeId": element_id}),
            ("element-instances", {"elementInstanceKey": str(key), "elementId": element_id} | where),
        )

    async def instance_state(self, key: int) -> str | None:
        """State of a process instance: ACTIVE, COMPLETED or CANCELED; None if the search does not know it (yet)."""
        name = "process-instances"
        return await self._state((name, {"key": key}), (name, {"processInstanceKey": str(key)}))

    async def _state(self, operate: tuple[str, Json], newer: tuple[str, Json]) -> str | None:
        if await self._older_than(8, 8):
            what, wanted = operate
            answer = await self._request(f"search {what}", "POST", f"/v1/{what}/search", {"filter": wanted, "size": 1})
            items: list[Json] = answer.json()["items"]
        else:
            items = await self._search(*newer, 1)
        return str(items[0]["state"]) if items else None

    async def _search(self, what: str, wanted: Json, limit: int, sort: list[Json] | None = None) -> list[Json]:
        body: Json = {"filter": {name: value for name, value in wanted.items() if value is not None}}
        body["page"] = {"limit": limit}
        if sort:
            body["sort"] = sort
        answer = await self._request(f"search {what}", "POST", f"/v2/{what}/search", body)
        items: list[Json] = answer.json()["items"]
        return items

    async def _request(self, what: str, method: str, path: str, body: Json) -> httpx.Response:
        """One request, logging in if need be. Raises `UnreachableError` or `RestError`."""
        await self._logged()
        answer = await self._send(method, path, body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # the session ended, or Camunda was started again
            answer = await self._send_again(method, path, body)
        if answer.is_error:
            raise RestError(what, answer.status_code, _detail(answer))
        return answer

    async def _send_again(self, method: str, path: str, body: Json | bytes) -> httpx.Response:
        self._logged_in, self._token_until = False, 0.0
        await self._logged()
        return await self._send(method, path, body)

    async def _send(self, method: str, path: str, body: Json | bytes) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body)
        try:
            return await self._http.request(method, path, content=content, headers={"Content-Type": "application/json"})
        except httpx.HTTPError as error:
            raise self._silence(error) from error

    async def _older_than(self, major: int, minor: int) -> bool:
        """Whether the cluster is of a version before this one, by the last log-in."""
        await self._logged()
        return self._version < (major, minor)

    async def _logged(self) -> None:
        try:
            await self._log_in()
        except httpx.HTTPError as error:
            raise self._silence(error) from error

    def _silence(self, error: httpx.HTTPError) -> UnreachableError:
        return UnreachableError(
            f"Camunda's REST API at {self._settings.camunda_url} does not answer ({type(error).__name__})."
        )

    async def _log_in(self) -> None:
        zeebe = self._settings.zeebe
        if zeebe.oauth_client_id and zeebe.oauth_client_secret and zeebe.oauth_url:
            if time.monotonic() >= self._token_until:
                await self._fetch_token(zeebe.oauth_url, zeebe.oauth_client_id)
        elif not self._logged_in:
            names = {"username": zeebe.username, "password": zeebe.password.get_secret_value()}
            answer = await self._http.post("/api/login", params=names)
            # From 8.8 on this door is gone, and Basic authentication alone does.
            if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                raise RestError(f"log {zeebe.username} in", answer.status_code, "set FAIRLEAD_ZEEBE__USERNAME")
            if answer.is_server_error:  # no word on whether sessions are used here
                raise RestError(f"log {zeebe.username} in", answer.status_code, _detail(answer))
            await self._ask_version()
            self._logged_in = True

    async def _ask_version(self) -> None:
        answer = await self._http.get("/v2/topology")
        told = re.search(r'"gatewayVersion"\s*:\s*"(\d+)\.(\d+)', answer.text)
        if answer.is_error or not told:
            raise RestError("tell its version", answer.status_code, _detail(answer))
        self._version = (int(told[1]), int(told[2]))

    async def _fetch_token(self, url: str, client_id: str) -> None:
        """OAuth 2 client credentials (RFC 6749, section 4.4)."""
        zeebe = self._settings.zeebe
        secret = zeebe.oauth_client_secret.get_secret_value() if zeebe.oauth_client_secret else ""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        if zeebe.oauth_audience:
            form["audience"] = zeebe.oauth_audience
        if zeebe.oauth_scope:
            form["scope"] = zeebe.oauth_scope
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=self._trust) as client:
            answer = await client.post(url, data=form)
        if answer.is_error:
            raise RestError("give a token", answer.status_code, "check FAIRLEAD_ZEEBE__OAUTH_CLIENT_ID and its secret")
        token = answer.json()
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"
        await self._ask_version()
        self._token_until = time.monotonic() + float(token.get("expires_in", 60)) - TOKEN_SPARE_SECONDS


def _text(key: int | None) -> str | None:
    return None if key is None else str(key)


def _detail(answer: httpx.Response) -> str:
    """The problem's detail (RFC 9457), if the answer is one."""
    try:
        problem = answer.json()
    except ValueError:
        return answer.text[:200] or answer.reason_phrase
    return str(problem.get("detail") or problem.get("message") or problem.get("title") or answer.reason_phrase)
