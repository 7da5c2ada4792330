"""User tasks from Camunda's REST API (v2), 8.6 to 8.9."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from pydantic import AliasChoices, BaseModel, Field, ValidationError

from workers.gateway.answers import HumanTask
from workers.gateway.guard import is_loopback
from workers.gateway.human_tasks import EngineUnavailable, TaskBoard
from workers.settings import Settings

SECONDS = 3.0
"""Time for one answer: a page waits for it."""
MOST = 200
"""User tasks of one lead that are read; the process gives no lead so many."""


class _Item(BaseModel):
    """A user task as Camunda gives it; 8.6 names some members otherwise than its successors, and has no names."""

    key: int = Field(validation_alias=AliasChoices("userTaskKey", "key"))
    element_id: str = Field(validation_alias="elementId")
    name: str | None = None
    state: str
    assignee: str | None = None
    candidate_groups: list[str] | None = Field(
        default=None, validation_alias=AliasChoices("candidateGroups", "candidateGroup")
    )
    created_at: datetime | None = Field(default=None, validation_alias="creationDate")
    due_at: datetime | None = Field(default=None, validation_alias="dueDate")
    completed_at: datetime | None = Field(default=None, validation_alias="completionDate")

    def task(self) -> HumanTask:
        """In our own form."""
        own = {"name": self.name or self.element_id.replace("_", " ").capitalize()}
        return HumanTask(**self.model_dump(exclude={"name", "candidate_groups"}), **own,
                         candidate_groups=self.candidate_groups or [])  # fmt: skip


class _Page(BaseModel):
    items: list[_Item] = Field(default_factory=list)


class Tasklist:
    """`TaskBoard` on a Camunda cluster; logs in when Camunda asks for it, and again when the session has ended."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings) -> None:
        self._http = http
        self._zeebe = settings.zeebe
        self._url = settings.camunda_url

    async def tasks(self, process_instance_key: int) -> list[HumanTask]:
        """See `TaskBoard.tasks`."""
        query = {"filter": {"processInstanceKey": process_instance_key}, "page": {"limit": MOST}}
        try:
            answer = await self._http.post("/v2/user-tasks/search", json=query)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                await self._log_in()
                answer = await self._http.post("/v2/user-tasks/search", json=query)
            answer.raise_for_status()
            found = [item.task() for item in _Page.model_validate_json(answer.content).items]
        except httpx.HTTPStatusError as error:
            raise EngineUnavailable(f"Camunda answered {error.response.status_code}.") from None
        except httpx.TransportError as error:
            raise EngineUnavailable(f"no answer at {self._url} ({type(error).__name__}).") from None
        except (ValidationError, ValueError) as error:
            raise EngineUnavailable(
                f"Camunda's answer has another form than expected ({type(error).__name__})."
            ) from None
        return sorted(found, key=lambda task: task.key)

    def link(self, task: HumanTask) -> str:
        """See `TaskBoard.link`."""
        return f"{self._url}/tasklist/{task.key}"

    def home(self) -> str:
        """See `TaskBoard.home`."""
        return f"{self._url}/tasklist"

    async def _log_in(self) -> None:
        form = {"username": self._zeebe.username, "password": self._zeebe.password.get_secret_value()}
        (await self._http.post("/api/login", data=form)).raise_for_status()


@contextlib.asynccontextmanager
async def tasklist(settings: Settings) -> AsyncIterator[TaskBoard]:
    """The task board of the cluster in the settings; nothing is asked before the first question."""
    trust = not is_loopback(urlsplit(settings.camunda_url).hostname or "")  # no proxy for this machine itself
    async with httpx.AsyncClient(base_url=settings.camunda_url, timeout=SECONDS, trust_env=trust) as http:
        yield Tasklist(http, settings)
