"""A process's resources on a fresh database, and a real SMTP server."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from casework import Casework
from psycopg.types.json import Jsonb

from workers.lead_routing import wiring
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Mail, Settings


class Mailbox:
    """An aiosmtpd handler that keeps what it gets, or answers what it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        """Answers to the next mails; then "250 OK"."""

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.mails.append(BytesParser(EmailMessage, policy=default).parsebytes(envelope.content))
        return answer


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """The mails that arrived, and the server's port."""
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:  # aiosmtpd must be told a port
        port: int = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def mails(mailbox: tuple[Mailbox, int]) -> Mailbox:
    return mailbox[0]


@pytest.fixture
async def case(pool: Pool, mailbox: tuple[Mailbox, int]) -> AsyncIterator[Casework]:
    settings = Settings(mail=Mail(port=mailbox[1], sales_ops=["ops@example.com"]))
    resources = Resources(settings, pool)
    case = Casework(resources)
    await case.sql(
        """INSERT INTO routing.territories (id, name, timezone, holidays, manager_name, manager_email)
           VALUES ('iberia', 'Iberia', 'Europe/Madrid', 'ES', 'Carla', 'carla@example.com')"""
    )
    for rep in ("ana", "ben"):
        await case.sql(
            """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
                   languages, skills, weight, daily_capacity, open_capacity)
               VALUES (%s, %s, %s, %s, '{iberia}', 'UTC', 'ES', %s, '{es}', '{}', 1, 5, 5)""",
            *(rep, rep.title(), f"{rep}@example.com", rep, Jsonb({})),
        )
    yield case
    await wiring.close(resources)
