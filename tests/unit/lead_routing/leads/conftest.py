"""A process's resources on a fresh database, and a real SMTP server."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from aiosmtpd.controller import Controller
from psycopg.types.json import Jsonb

from tests.unit.lead_routing.leads.casework import Casework, Mailbox
from workers.lead_routing import wiring
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Mail, Settings


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
