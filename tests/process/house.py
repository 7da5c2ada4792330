"""A whole Fairlead around an embedded engine: real Zeebe, real PostgreSQL, real workers, dispatcher and SMTP.

Only the clock is special: engine and workers are moved together (`House.travel_to`), so that a test of a two-day SLA
takes a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from tests.calendars import country_without_holiday
from workers.engine.embedded import EmbeddedEngine
from workers.engine.ports import free_port
from workers.engine.records import UserTask
from workers.gateway.commands import withdraw
from workers.gateway.contracts import LeadIn
from workers.gateway.intake import Incoming, take
from workers.lead_routing import wiring
from workers.runtime import deliveries, discovery
from workers.runtime.database import Pool, open_pool
from workers.runtime.deployment import deploy
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.feed import Feed
from workers.runtime.resources import Resources
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Mail, Ports, Settings, WorkerLimits, Zeebe

PROCESS = "lead_routing"
PATIENCE = timedelta(seconds=30)
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}

GOOD_LEAD: dict[str, Any] = {
    "source": "web_form",
    "name": "Eva Beispiel",
    "email": "eva@beispiel-werke.example",
    "phone": "+49 30 1234567",
    "company": "Beispiel Werke",
    "country": "DE",
    "language": "de",
    "industry": "manufacturing",
    "employees": 400,
    "product": "core",
    "job_level": "director",
    "channel": "web",
    "attributes": {"page_views": 12, "pricing_page_seconds": 90, "webinars": 1, "days_since_last_touch": 2},
}


class Mailbox:
    """Keeps what an SMTP server was given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.content
        assert isinstance(content, bytes)
        message = BytesParser(policy=default).parsebytes(content)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Mails to an address, the oldest first."""
        return [mail for mail in self.mails if address in str(mail["To"])]


class House:
    """What a process test works with; `open_house` makes one."""

    def __init__(self, engine: EmbeddedEngine, settings: Settings, pool: Pool, client: ZeebeClient) -> None:
        self.engine = engine
        self.settings = settings
        self.pool = pool
        self.client = client
        self.mailbox = Mailbox()
        self.ahead = timedelta()
        self.resources = Resources(settings, pool, clock=self.now)
        self._feeds: dict[str, tuple[Feed, asyncio.Task[None]]] = {}

    def now(self) -> datetime:
        """The present moment, as engine and workers see it."""
        return datetime.now(UTC) + self.ahead

    async def serve(self, *names: str, but: Sequence[str] = ()) -> None:
        """Let workers serve these tasks; without a name, all of them `but` some."""
        known = [job_type.removeprefix(f"{PROCESS}.") for job_type in discovery.all_job_types()]
        wanted = [name for name in names or known if name not in but and name not in self._feeds]
        worker = Worker(self.client, self.resources)
        specs = [discovery.find(f"{PROCESS}.{name}") for name in wanted]
        feed = Feed(self.client, worker, specs, WorkerLimits(max_running_jobs=16))
        running = asyncio.create_task(feed.run())
        self._feeds.update(dict.fromkeys(wanted, (feed, running)))
        await self.until(lambda: len(feed.open_streams) == len(specs), "workers to be connected")

    async def stop(self) -> None:
        """Stop all workers; what they had is finished."""
        for feed, running in {id(pair[0]): pair for pair in self._feeds.values()}.values():
            feed.stop()
            await running
            await feed.drain(10)
        self._feeds.clear()

    async def lead(self, **fields: object) -> str:
        """A lead comes in; `fields` change `GOOD_LEAD`. Returns its id."""
        raw = GOOD_LEAD | fields
        raw = {key: value for key, value in raw.items() if value is not None}
        async with self.pool.connection() as connection, connection.transaction():
            taken = await take(connection, [Incoming(LeadIn.model_validate(raw), raw)], ttl_seconds=3600)
        return taken[0].lead_id

    async def withdraw(self, lead_id: str, why: str = "bought elsewhere") -> None:
        """The lead is withdrawn from outside."""
        async with self.pool.connection() as connection:
            await withdraw(connection, lead_id, why, actor="test", ttl_seconds=3600)

    async def instance(self, lead_id: str) -> int:
        """Key of the lead's process instance, once it has started."""
        return (await self._instances(lead_id, 1))[0]

    async def _instances(self, lead_id: str, at_least: int) -> list[int]:
        def found() -> list[int]:
            instances = self.engine.process_instances(PROCESS)
            return [one.key for one in instances if self.engine.variables(one.key).get("lead_id") == lead_id]

        await self.until(lambda: len(found()) >= at_least, f"the process of {lead_id}")
        return found()

    async def task(self, lead_id: str, element_id: str) -> UserTask:
        """The lead's open user task, once it is there."""
        instance = await self.instance(lead_id)
        await self.until(
            lambda: self.engine.open_user_tasks(instance, element_id), f"the user task {element_id}", instance
        )
        return self.engine.open_user_tasks(instance, element_id)[0]

    async def complete(self, lead_id: str, element_id: str, **variables: object) -> UserTask:
        """A person completes the lead's user task as its form would."""
        task = await self.task(lead_id, element_id)
        await asyncio.to_thread(self.engine.complete_user_task, task.key, variables)
        await self.until(
            lambda: task.key not in {one.key for one in self.engine.open_user_tasks()}, f"{element_id} to be completed"
        )
        return task

    async def passed(self, lead_id: str, element_id: str, times: int = 1) -> None:
        """Wait until an element of the lead's process was completed so many times."""
        instance = await self.instance(lead_id)

        def count() -> int:
            elements = self.engine.elements(instance)
            return sum(one.element_id == element_id and one.state == "ELEMENT_COMPLETED" for one in elements)

        await self.until(lambda: count() >= times, f"{element_id} to be passed {times} times", instance)

    async def ended(self, lead_id: str, end_event: str) -> None:
        """Wait until the lead's process has ended at this end event, without an incident."""
        await self.passed(lead_id, end_event)
        instance = await self.instance(lead_id)
        await self.until(
            lambda: any(
                one.key == instance and one.state == "ELEMENT_COMPLETED" for one in self.engine.elements(instance)
            ),
            f"the process to end at {end_event}",
            instance,
        )

    async def travel_to(self, moment: datetime) -> None:
        """Move the clock of engine and workers to just after a moment; timers that are due then fire."""
        by = moment - self.now() + timedelta(seconds=1)
        if by > timedelta():
            await asyncio.to_thread(self.engine.wait_for_idle)
            self.ahead += by
            await asyncio.to_thread(self.engine.increase_time, by)

    async def until(
        self, condition: Callable[[], object], what: str, instance: int | None = None, within: timedelta = PATIENCE
    ) -> None:
        """Wait for a condition; says where the process stands if it does not come."""
        try:
            await self.engine.until(condition, what, within)
        except TimeoutError as error:
            here = self.engine.elements(instance) if instance else []
            active = [one.element_id for one in here if one.state == "ELEMENT_ACTIVATED"]
            incidents = [one["value"]["errorMessage"] for one in self.engine.incidents()]
            raise TimeoutError(f"{error} Active: {active}. Incidents: {incidents}") from None

    async def until_async(self, condition: Callable[[], Awaitable[object]], what: str) -> None:
        """Like `until`, for a condition that asks the database."""
        deadline = datetime.now(UTC) + PATIENCE
        while not await condition():
            if datetime.now(UTC) > deadline:
                raise TimeoutError(f"Waited {PATIENCE} for {what}.")
            await asyncio.sleep(0.02)

    async def mail(self, address: str, subject: str) -> EmailMessage:
        """The newest mail to an address whose subject contains `subject`, once it is there."""

        def found() -> list[EmailMessage]:
            return [mail for mail in self.mailbox.to(address) if subject.lower() in str(mail["Subject"]).lower()]

        have = [(str(mail["To"]), str(mail["Subject"])) for mail in self.mailbox.mails]
        await self.until(found, f"a mail to {address} about {subject!r}; there are {have}")
        return found()[-1]

    async def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Rows of the database."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(query.encode(), parameters)).fetchall()

    async def row(self, query: str, *parameters: object) -> dict[str, Any]:
        """The one row of the database that there must be."""
        (found,) = await self.rows(query, *parameters)
        return found

    async def state(self, lead_id: str) -> dict[str, Any]:
        """The lead's row."""
        return await self.row("SELECT * FROM routing.leads WHERE lead_id = %s", lead_id)

    async def crm(self, lead_id: str) -> dict[str, Any]:
        """The lead in the CRM, when all changes have arrived there."""

        async def arrived() -> bool:
            waiting = "SELECT FROM runtime.outbox WHERE business_id = %s AND channel = 'crm.lead'"
            return not await self.rows(waiting, lead_id)

        await self.until_async(arrived, "the CRM to have all changes")
        found = await self.rows("SELECT * FROM crm.leads WHERE external_id = %s", lead_id)
        return found[0] if found else {"owner_id": None, "status": "new"}

    async def open_slots(self, rep_id: str) -> int:
        """How many leads count as open for a rep."""
        open_ = "SELECT count(*) AS n FROM routing.assignments WHERE rep_id = %s AND released_at IS NULL AND closed_at IS NULL"
        return int((await self.row(open_, rep_id))["n"])

    async def actions(self, lead_id: str) -> list[str]:
        """What the lead's timeline says, in order."""
        found = await self.rows("SELECT action FROM runtime.timeline WHERE business_id = %s ORDER BY id", lead_id)
        return [row["action"] for row in found]

    async def rep(self, rep_id: str, **fields: object) -> None:
        """A rep joins, at work at every minute unless `fields` say otherwise."""
        row: dict[str, object] = {
            "id": rep_id,
            "name": rep_id.title(),
            "email": f"{rep_id}@fairlead.example",
            "login": rep_id,
            "territories": ["dach"],
            "timezone": "UTC",
            "holidays": country_without_holiday(days_ahead=7),
            "working_hours": Jsonb(ALWAYS),
            "languages": ["de", "en"],
            "skills": ["core", "analytics", "planning", "integration", "enterprise_sales"],
            "weight": 1.0,
            "daily_capacity": 50,
            "open_capacity": 50,
        } | fields
        names, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        async with self.pool.connection() as connection:
            await connection.execute(f"INSERT INTO routing.reps ({names}) VALUES ({places})".encode(), row)

    async def absent(self, rep_id: str, days: float) -> None:
        """A rep is away from now on."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO routing.absences (rep_id, starts_at, ends_at) VALUES (%s, %s, %s)",
                (rep_id, self.now() - timedelta(hours=1), self.now() + timedelta(days=days)),
            )


@contextlib.asynccontextmanager
async def open_house(engine: EmbeddedEngine, dsn: str) -> AsyncIterator[House]:
    """Database, deployed models, dispatcher and mail server around a started engine; no worker serves yet."""
    smtp_port = free_port()
    settings = Settings(
        engine="embedded",
        zeebe=Zeebe(address=engine.address),
        database_url=SecretStr(dsn),
        ports=Ports(smtp=smtp_port),
        mail=Mail(port=smtp_port, sales_ops=["ops@fairlead.example"]),
    )
    pool = await open_pool(dsn, min_size=2, max_size=20)
    async with ZeebeClient(settings) as client:
        house = House(engine, settings, pool, client)
        server = Controller(house.mailbox, hostname="127.0.0.1", port=smtp_port)
        await asyncio.to_thread(server.start)
        await deploy(settings)
        channels = {deliveries.MESSAGES: deliveries.messages(client), **wiring.deliveries(house.resources)}
        dispatcher = Dispatcher(dsn, pool, channels, poll_seconds=0.2)
        sending = asyncio.create_task(dispatcher.run())
        try:
            yield house
        finally:
            await house.stop()
            dispatcher.stop()
            await sending
            await asyncio.to_thread(server.stop)
            await wiring.close(house.resources)
            await pool.close()
