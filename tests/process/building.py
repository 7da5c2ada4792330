"""A whole Fairlead around an engine: real Zeebe, real PostgreSQL, real workers, dispatcher and SMTP.

Only the clock is special: engine and workers are moved together (`Building.travel_to`), so that a test of a two-day SLA
takes a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from workers.engine.driven import DrivenEngine
from workers.engine.ports import free_port
from workers.engine.records import UserTask
from workers.runtime import deliveries, discovery
from workers.runtime.database import Pool, open_pool
from workers.runtime.deployment import deploy
from workers.runtime.dispatcher import Dispatcher
from workers.runtime.feed import Feed
from workers.runtime.resources import Resources
from workers.runtime.worker import Worker
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy
from workers.settings import Gateway, Mail, Ports, Settings, WorkerLimits, Zeebe

PATIENCE = timedelta(seconds=180)
HURRY_AFTER_SECONDS = 0.2
"""Before the clock is moved for who waits: what has happened already, or does at once, is seen as it is."""


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


class Building:
    """What a process test works with; `open_building` makes one. Cases are named by their business id."""

    context: ClassVar[str]
    """Whose tasks are served."""
    process: ClassVar[str]
    business_key: ClassVar[str]
    """The variable with the business id."""

    def __init__(self, engine: DrivenEngine, settings: Settings, pool: Pool, client: ZeebeClient) -> None:
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

    async def answers(self) -> bool:
        """Whether the engine can be reached: on a busy machine its JVM takes a while."""
        try:
            await self.client.topology()
        except EngineBusy:
            return False
        return True

    async def serve(self, *names: str, but: Sequence[str] = ()) -> None:
        """Let workers serve these tasks; without a name, all of them `but` some."""
        known = [
            job_type.removeprefix(f"{self.context}.")
            for job_type in discovery.all_job_types()
            if job_type.startswith(f"{self.context}.")
        ]
        wanted = [name for name in names or known if name not in but and name not in self._feeds]
        worker = Worker(self.client, self.resources)
        specs = [discovery.find(f"{self.context}.{name}") for name in wanted]
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

    async def instance(self, case_id: str) -> int:
        """Key of the case's process instance, once it has started."""
        return (await self._instances(case_id, 1))[0]

    async def _instances(self, case_id: str, at_least: int) -> list[int]:
        def found() -> list[int]:
            instances = self.engine.process_instances(self.process)
            return [one.key for one in instances if self.engine.variables(one.key).get(self.business_key) == case_id]

        await self.until(lambda: len(found()) >= at_least, f"the process of {case_id}")
        return found()

    async def task(self, case_id: str, element_id: str) -> UserTask:
        """The case's open user task, once it is there."""
        instance = await self.instance(case_id)
        async with self._hurried(instance):
            await self.until(
                lambda: self.engine.open_user_tasks(instance, element_id), f"the user task {element_id}", instance
            )
        return self.engine.open_user_tasks(instance, element_id)[0]

    async def complete(self, case_id: str, element_id: str, **variables: object) -> UserTask:
        """A person completes the case's user task as its form would."""
        task = await self.task(case_id, element_id)
        await asyncio.to_thread(self.engine.complete_user_task, task.key, variables)
        await self.until(
            lambda: task.key not in {one.key for one in self.engine.open_user_tasks()}, f"{element_id} to be completed"
        )
        return task

    async def say(self, task: UserTask, **answers: object) -> None:
        """A person completes a task as its form would."""
        await asyncio.to_thread(self.engine.complete_user_task, task.key, answers)
        await self.until(
            lambda: task.key not in {one.key for one in self.engine.open_user_tasks()}, f"{task.element_id} to be done"
        )

    async def passed(self, case_id: str, element_id: str, times: int = 1, within: timedelta = PATIENCE) -> None:
        """Wait until an element of the case's process was completed so many times."""
        await self.instance_passed(await self.instance(case_id), element_id, times, within)

    async def instance_passed(
        self, instance: int, element_id: str, times: int = 1, within: timedelta = PATIENCE
    ) -> None:
        """Wait until an element of the process instance was completed so many times."""

        def count() -> int:
            elements = self.engine.elements(instance)
            return sum(one.element_id == element_id and one.state == "ELEMENT_COMPLETED" for one in elements)

        async with self._hurried(instance):
            await self.until(lambda: count() >= times, f"{element_id} to be passed {times} times", instance, within)

    async def ended(self, case_id: str, end_event: str) -> None:
        """Wait until the case's process has ended at this end event, without an incident."""
        instance = await self.instance(case_id)
        await self.passed(case_id, end_event)
        await self.until(
            lambda: any(
                one.key == instance and one.state == "ELEMENT_COMPLETED" for one in self.engine.elements(instance)
            ),
            f"the process to end at {end_event}",
            instance,
        )

    @contextlib.asynccontextmanager
    async def _hurried(self, instance: int) -> AsyncIterator[None]:
        """Meanwhile the clock is moved over the half minute between two looks at whether the targets have a publication."""
        over = asyncio.Event()
        hurry = asyncio.create_task(self._hurry(instance, over))
        try:
            yield
        finally:
            over.set()
            await hurry

    async def _hurry(self, instance: int, over: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), HURRY_AFTER_SECONDS)
        while not over.is_set():
            elements = self.engine.elements(instance)
            if any((one.element_id, one.state) == ("half_a_minute", "ELEMENT_ACTIVATED") for one in elements):
                await self.travel_to(self.now() + timedelta(seconds=30))
            await asyncio.sleep(0.2)

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

    async def reminded(self, case_id: str, task: UserTask, deadlines: Mapping[str, str], audience: str) -> None:
        """Let the deadlines of a task pass; both notices are sent."""
        for name, end in (("remind_at", "reminder_sent"), ("escalate_at", "escalated")):
            await self.travel_to(datetime.fromisoformat(deadlines[name]))
            await self.passed(case_id, f"{end}__{task.element_id}")
        await self.mail(f"{audience}@fairlead.example", "reminder")

    async def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Rows of the database."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(query.encode(), parameters)).fetchall()

    async def row(self, query: str, *parameters: object) -> dict[str, Any]:
        """The one row of the database that there must be."""
        (found,) = await self.rows(query, *parameters)
        return found

    async def actions(self, case_id: str) -> list[str]:
        """What the case's timeline says, in order."""
        found = await self.rows("SELECT action FROM runtime.timeline WHERE business_id = %s ORDER BY id", case_id)
        return [row["action"] for row in found]


AnyBuilding = TypeVar("AnyBuilding", bound=Building)


@contextlib.asynccontextmanager
async def open_building(
    kind: type[AnyBuilding], engine: DrivenEngine, dsn: str, models: Path = Path(), **more: Any
) -> AsyncIterator[AnyBuilding]:
    """Database, deployed models, dispatcher and mail server around a started engine; no worker serves yet.

    `more` are further settings.
    """
    smtp_port = free_port()
    settings = Settings(
        **more,
        engine="embedded",
        zeebe=Zeebe(address=engine.address),
        database_url=SecretStr(dsn),
        ports=Ports(smtp=smtp_port, camunda_http=free_port()),
        mail=Mail(port=smtp_port, sales_ops=["ops@fairlead.example"]),
        models=models,
        gateway=Gateway(link_secret=SecretStr("of this test alone, and so long enough")),
    )
    wiring, connectors = discovery.wiring(kind.context), discovery.wiring("connectors")
    pool = await open_pool(dsn, min_size=2, max_size=20)
    async with ZeebeClient(settings) as client:
        building = kind(engine, settings, pool, client)
        server = Controller(building.mailbox, hostname="127.0.0.1", port=smtp_port)
        await asyncio.to_thread(server.start)
        await building.until_async(building.answers, "the engine to answer")
        await deploy(settings)
        channels = {
            deliveries.MESSAGES: deliveries.messages(client),
            **wiring.deliveries(building.resources),
            **connectors.deliveries(building.resources),
        }
        dispatcher = Dispatcher(dsn, pool, channels, poll_seconds=0.2)
        sending = asyncio.create_task(dispatcher.run())
        try:
            yield building
        finally:
            await building.stop()
            dispatcher.stop()
            await sending
            await asyncio.to_thread(server.stop)
            await wiring.close(building.resources)
            await connectors.close(building.resources)
            await pool.close()
