"""Planted secrets never come out: of no command and no log, whatever fails."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from workers.engine.ports import free_port

PROJECT = Path(__file__).parents[3]
PASSWORD = "Pl4nted-dsn@word"
SECRETS = {
    "FAIRLEAD_ZEEBE__PASSWORD": "Pl4nted-camunda",
    "FAIRLEAD_ZEEBE__OAUTH_CLIENT_SECRET": "Pl4nted-oauth",
    "FAIRLEAD_MAIL__PASSWORD": "Pl4nted-mail",
    "FAIRLEAD_GATEWAY__API_TOKENS": '["Pl4nted-token"]',
}
OAUTH = {"FAIRLEAD_ZEEBE__OAUTH_CLIENT_ID": "fairlead", "FAIRLEAD_ZEEBE__OAUTH_URL": "https://127.0.0.1:1/token"}

FAILS = """
import asyncio, logging, psycopg, structlog
from workers.runtime import logs
from workers.runtime.database import open_pool
from workers.settings import get_settings

settings = get_settings()
logs.configure(settings)
log = structlog.get_logger()

async def main():
    log.warning("at " + settings.dsn, action="text", where=settings.dsn, settings=settings, reason=str(settings))
    log.warning("%s", settings.zeebe.password.get_secret_value(), action="bare")
    logging.getLogger("library").warning("with %s", settings.dsn)
    try:
        await psycopg.AsyncConnection.connect(settings.dsn)
    except psycopg.OperationalError as error:
        log.exception("away", action="away", reason=str(error))
        logging.getLogger("library").exception("away, at %s", settings.dsn)
    pool = await open_pool(settings.dsn)
    try:
        async with pool.connection(timeout=1):
            pass
    except psycopg.OperationalError as error:
        log.warning("away", action="pool", reason=repr(error))
    await pool.close()

asyncio.run(main())
"""

LONG_RUNNING = {"worker", "dispatcher", "gateway", "heal"}
COMMANDS = [
    ["config", "show"],
    ["config", "show", "--json"],
    ["status"],
    ["db", "upgrade"],
    ["deploy"],
    ["ops", "incidents"],
    ["ops", "dead-letters"],
    ["heal", "run", "--every", "1"],
    ["leads", "list"],
    ["worker", "run", "lead_routing.register_lead", "--metrics-port", "0"],
    ["dispatcher", "run", "--metrics-port", "0"],
    ["gateway", "run"],
]


async def said(*program: str, until: bytes = b"", **more: str) -> str:
    """What a program writes with nobody to connect to, until it ends or has written something."""
    nowhere = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")},
        **SECRETS,
        **more,
        "FAIRLEAD_DATABASE_URL": f"postgresql://ana:{PASSWORD.replace('@', '%40')}@127.0.0.1:{nowhere}/x",
        "FAIRLEAD_ZEEBE__ADDRESS": f"127.0.0.1:{nowhere}",
        "FAIRLEAD_ZEEBE__REST_ADDRESS": f"http://127.0.0.1:{nowhere}",
        "FAIRLEAD_PORTS__GATEWAY": str(free_port()),
        "FAIRLEAD_LOG_LEVEL": "debug",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, cwd=PROJECT, env=environment, stdout=PIPE, stderr=STDOUT
    )
    assert process.stdout is not None
    text = b""
    try:
        async with asyncio.timeout(240):
            async for line in process.stdout:
                text += line
                if until and until in line:
                    process.terminate()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return text.decode()


def assert_clean(text: str) -> None:
    assert text
    for planted in ("Pl4nted", "dsn@word", "dsn%40word"):
        assert planted not in text


async def test_no_log_tells_of_a_secret() -> None:
    text = await said("-c", FAILS)
    assert_clean(text)
    for action in ("text", "bare", "away", "pool"):
        assert f"action={action}" in text
    assert "psycopg.OperationalError" in text
    assert "ana:***@127.0.0.1" in text


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_no_command_tells_of_a_secret(command: list[str]) -> None:
    waits = b"action=" if LONG_RUNNING & set(command) else b""
    assert_clean(await said("-m", "workers", *command, until=waits))


@pytest.mark.slow
async def test_no_log_in_tells_of_a_secret() -> None:
    """OAuth: the token's host is away."""
    command = ["worker", "run", "lead_routing.register_lead", "--metrics-port", "0"]
    assert_clean(await said("-m", "workers", *command, until=b"waiting_engine", **OAUTH))
