"""A sales organisation at work on a running local stack, as tests see it: HTTP, Tasklist's API, database, mailbox.

The sample organisation, with everybody at work at every minute of every day, so that tests say the same at any hour.
"""

from __future__ import annotations

import asyncio
import contextlib
import mailbox
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from psycopg.types.json import Jsonb

from tests.calendars import country_without_holiday
from tests.stack.conftest import LocalStack
from workers.engine.errors import UnreachableError
from workers.engine.found import FoundTask
from workers.engine.rest import CamundaRest, RestError
from workers.runtime.database import Pool, open_pool
from workers.sample import door
from workers.settings import Settings

PROCESS = "lead_routing"
PATIENCE_SECONDS = 300.0
"""A job whose back-off the engine lost (camunda/camunda#16884) is found after a minute, and healed after two."""
ASK_SECONDS = 60.0
"""How long the gateway may take to answer on a busy machine."""
LOOK_SECONDS = 0.3
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
GONE = 404
NOT_NOW = {GONE, 409, 429}
"""Done by somebody else meanwhile, or more than the engine takes at the moment."""
BUSY = (UnreachableError, httpx.TransportError, psycopg.OperationalError)
"""A part of the stack is just being started anew, or has too much to do to answer."""

T = TypeVar("T")
Row = dict[str, Any]  # Any: a row of the database, or JSON


def furnish(stack: LocalStack) -> None:
    """Load the sample organisation and its scorer, and let everybody be at work always."""
    loaded = stack.fairlead("sample", "load")
    assert loaded.returncode == 0, loaded.stderr
    with psycopg.connect(stack.settings.dsn) as connection:
        connection.execute(
            "UPDATE routing.reps SET working_hours = %s, timezone = 'UTC', holidays = %s",
            (Jsonb(ALWAYS), country_without_holiday()),
        )
        connection.execute("DELETE FROM routing.absences")


def new_lead(**fields: object) -> Row:
    """A lead of a new person at a new company that is assigned without a person; ``fields`` change it."""
    token = secrets.token_hex(4)
    return {
        "source": "web_form",
        "external_id": token,
        "name": f"Eva Beispiel-{token}",
        "email": f"eva@werke-{token}.example",
        "company": f"Werke {token}",
        "country": "DE",
        "language": "de",
        "industry": "manufacturing",
        "employees": 400,
        "product": "core",
        "job_level": "director",
        "channel": "web",
        "attributes": {"page_views": 12, "pricing_page_seconds": 90, "webinars": 1, "days_since_last_touch": 2},
    } | fields


class Office:
    """What a test works with; `open_office` makes one."""

    def __init__(self, stack: LocalStack, http: httpx.AsyncClient, camunda: CamundaRest, pool: Pool) -> None:
        self.stack = stack
        self.settings: Settings = stack.settings
        self.http = http
        self.camunda = camunda
        self.pool = pool
        self.door = door.Door(http)

    async def send(self, *leads: Mapping[str, object]) -> list[str]:
        """Post leads as one batch, waiting while the gateway can't take them; their ids, in order."""
        answer = await self.door.post("/v1/leads", {"leads": list(leads)}, key=secrets.token_hex(8))
        return [one["lead_id"] for one in answer.json()["results"]]

    async def view(self, lead_id: str) -> Row:
        """`GET /v1/leads/{id}`, as soon as the gateway answers."""

        async def told() -> Row | None:
            answer = await self.http.get(f"/v1/leads/{lead_id}")
            if answer.status_code in door.BUSY:
                return None
            assert answer.status_code == 200, answer.text
            found: Row = answer.json()
            return found

        return await self.until(told, f"the gateway to tell of {lead_id}")

    async def reaches(self, lead_id: str, state: str, owner: str | None = None) -> Row:
        """Wait until the lead is in a state (with an owner, if one is named); its view then."""

        view: Row = {}

        async def there() -> bool:
            view.update(await self.view(lead_id))
            return view["state"] == state and (owner is None or (view["owner"] or {}).get("id") == owner)

        try:
            await self.until(there, f"{lead_id} to be {state}, owner {owner}")
        except AssertionError as error:
            raise AssertionError(f"{error} It is {view}") from None
        return view

    async def task(self, lead_id: str, element_id: str, *, after: int = 0) -> FoundTask:
        """The lead's open task, once the search has it; newer than the task with key ``after``."""

        async def there() -> FoundTask | None:
            instance = (await self.view(lead_id))["process_instance_key"]
            if instance is None:
                return None
            found = await self.camunda.user_tasks(process_instance_key=instance, element_id=element_id)
            return next((one for one in found if one.key > after), None)

        return await self.until(there, f"the task {element_id} of {lead_id}")

    async def open_task(self, element_id: str, *, after: int = 0) -> FoundTask | None:
        """The oldest open task of any case at that element, as the search has it; newer than the one with key ``after``."""
        found = await self.camunda.user_tasks(element_id=element_id)
        return next((one for one in sorted(found, key=lambda one: one.key) if one.key > after), None)

    async def complete(self, lead_id: str, element_id: str, **variables: object) -> FoundTask:
        """Complete the lead's task as its form would; one that the search still shows, and is over, is passed over."""

        async def done() -> FoundTask | None:
            task = await self.task(lead_id, element_id)
            return task if await self.answer(task, **variables) else None

        return await self.until(done, f"{element_id} of {lead_id} to be completed")

    async def finish(self, task: FoundTask, **variables: object) -> None:
        """Complete a task that nobody else touches, as soon as Camunda takes it."""
        await self.until(lambda: self.answer(task, **variables), f"task {task.key} to be completed")

    async def answer(self, task: FoundTask, **variables: object) -> bool:
        """Complete a task if it is there and Camunda takes it; whether it is completed by that.

        Whoever was not answered does not know whether it was done, and asks again: then that it is gone is the answer.
        """
        unsure, deadline = False, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                await self.camunda.complete_user_task(task.key, variables)
            except RestError as error:
                if error.status in NOT_NOW:
                    return unsure and error.status == GONE
                if error.status < 500:
                    raise
                unsure = True
            except UnreachableError:
                unsure = True
            else:
                return True
            assert time.monotonic() < deadline, f"Camunda did not say whether task {task.key} is completed."
            await asyncio.sleep(LOOK_SECONDS)

    async def assign(self, task: FoundTask, person: str) -> None:
        """Give a task to a person by Camunda's API, as soon as Camunda takes it."""

        async def given() -> bool:
            await self.camunda.assign_user_task(task.key, person)
            return True

        await self.until(given, f"task {task.key} to be {person}'s")

    async def until(self, answer: Callable[[], Awaitable[T | None]], what: str, within: float = PATIENCE_SECONDS) -> T:
        """Wait for a condition; what it gave. Whoever is too busy to be asked is asked again."""
        deadline = time.monotonic() + within
        while True:
            refusal = ""
            try:
                if found := await answer():
                    return found
            except BUSY as error:
                refusal = f" At last: {type(error).__name__}: {error}"
            assert time.monotonic() < deadline, f"Waited {within} s for {what}.{refusal}"
            await asyncio.sleep(LOOK_SECONDS)

    async def rows(self, query: str, *parameters: object) -> list[Row]:
        """Rows of the database."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(query.encode(), parameters)).fetchall()

    async def run(self, statement: str, *parameters: object) -> None:
        """Change the database."""
        async with self.pool.connection() as connection:
            await connection.execute(statement.encode(), parameters)

    def mails(self) -> list[EmailMessage]:
        """What the mail catcher got, the oldest first."""
        return read_mails(self.settings.home / "mail")

    async def mail(self, address: str, *words: str) -> EmailMessage:
        """The newest mail to an address whose subject and text contain ``words``, once it is there."""

        async def there() -> EmailMessage | None:
            found = [one for one in self.mails() if address in str(one["To"]) and all(w in _text(one) for w in words)]
            return found[-1] if found else None

        return await self.until(there, f"a mail to {address} with {words}")

    async def quiet(self, lead_ids: Sequence[str], within: float = PATIENCE_SECONDS) -> None:
        """Wait until the system's part is done for these leads: each is at its end or waits, and all is delivered."""
        query = """SELECT
            (SELECT count(*) FROM routing.leads WHERE lead_id = ANY(%(ids)s) AND state IN ('received', 'registered'))
            + (SELECT count(*) FROM runtime.outbox) AS open"""

        async def calm() -> bool:
            async with self.pool.connection() as connection:
                found = await (await connection.execute(query, {"ids": list(lead_ids)})).fetchone()
            return found is not None and found["open"] == 0

        await self.until(calm, f"{len(lead_ids)} leads to be through", within)


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return f"{mail['Subject']}\n{body.get_content()}"


def read_mails(folder: Path) -> list[EmailMessage]:
    """The mails of a Maildir, the oldest first."""
    if not folder.is_dir():
        return []
    box = mailbox.Maildir(folder, create=False)
    found: Iterable[tuple[float, bytes]] = ((box[key].get_date(), box.get_bytes(key)) for key in sorted(box.keys()))
    parser = BytesParser(policy=default)
    mails = [parser.parsebytes(content) for _, content in sorted(found, key=lambda pair: pair[0])]
    return [mail for mail in mails if isinstance(mail, EmailMessage)]


@contextlib.asynccontextmanager
async def open_office(stack: LocalStack) -> AsyncIterator[Office]:
    """Connections to a furnished stack."""
    pool = await open_pool(stack.settings.dsn, min_size=1, max_size=6)
    try:
        async with (
            door.client(stack.settings, timeout_seconds=ASK_SECONDS) as http,
            CamundaRest(stack.settings) as camunda,
        ):
            yield Office(stack, http, camunda, pool)
    finally:
        await pool.close()
