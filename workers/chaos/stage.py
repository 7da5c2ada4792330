"""The stack that is hurt: the local one on ports and in a folder of its own, with a `Link` on each way between our
processes and what they need, two workers to which every job comes twice, and self-healing at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from workers.bench.own_stack import StackFailed
from workers.chaos.proxy import Link, open_links
from workers.chaos.schedule import CLIENTS, LINKS, WORKERS
from workers.chaos.serving import LOG
from workers.engine import opensearch, postgres, readiness
from workers.engine.downloads import Store
from workers.engine.ports import free_port
from workers.engine.programs import Program, programs
from workers.engine.stack import Stack
from workers.runtime.database import open_pool, upgrade
from workers.runtime.deployment import deploy
from workers.settings import Settings

DATABASE, ENGINE = 1, 2
"""Phases after which the database and the engine are ready (`workers.engine.programs`)."""
SERVING = ("-m", "workers.chaos.serving")
"""What Python is told to run the workers by."""
DELIVERIES = 10
"""Twice the usual limit, as each delivery counts double."""
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


@dataclass(frozen=True)
class Stage:
    """The running stack and the links to it."""

    settings: Settings
    stack: Stack
    links: dict[str, Link]

    def links_of(self, target: str) -> list[Link]:
        """The link of that name, or all that lead to that server."""
        return [link for name, link in self.links.items() if target in {name, name.partition("→")[2]}]


@contextlib.asynccontextmanager
async def open_stage(
    settings: Settings,
    *,
    leads: int,
    serving: Sequence[str] = SERVING,
    say: Callable[[str], None],
) -> AsyncIterator[Stage]:
    """Start everything; stop it and leave no process when done.

    `leads` is how many will come: the team is given room for them. `serving` is what Python is told to run the workers by.

    Raises:
        EngineError: something did not start.
        StackFailed: the sample organisation could not be loaded.
    """
    home = conninfo_to_dict(settings.dsn)
    servers = {
        "zeebe": ("127.0.0.1", settings.ports.zeebe),
        "postgres": ("127.0.0.1", int(home["port"] or 0)),
        "crm": ("127.0.0.1", int(home["port"] or 0)),
        "smtp": ("127.0.0.1", settings.ports.smtp),
    }
    targets = {f"{client}→{server}": servers[server] for server, clients in LINKS.items() for client in clients}
    async with open_links(targets) as links:
        store = Store(settings.cache, settings.maven_repository)
        stack = Stack(settings, _programs(settings, programs(settings, store), links, serving))
        loading: list[asyncio.subprocess.Process] = []

        async def database() -> None:
            await asyncio.to_thread(postgres.create_database, settings.dsn)
            await asyncio.to_thread(upgrade, settings.dsn)
            command = (sys.executable, "-m", "workers", "sample", "load")
            pipe, out = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
            loading.append(await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=out))

        async def engine() -> None:
            await opensearch.accept_whole_seconds(settings)
            await deploy(settings)
            told, _ = await loading[0].communicate()
            if loading[0].returncode:
                raise StackFailed(f"`fairlead sample load` failed:\n{told.decode(errors='replace').strip()}")
            await furnish(settings, leads)

        def report(name: str, what: str, seconds: float) -> None:
            if what == "ready":
                say(f"{name} is ready ({seconds:.0f} s)")

        try:
            await stack.up(report, after={DATABASE: database, ENGINE: engine})
            yield Stage(settings, stack, links)
        finally:
            # The links are open until then, so that nobody waits for the database while stopping.
            await asyncio.shield(asyncio.to_thread(stack.down))


def _programs(
    settings: Settings, found: Sequence[Program], links: dict[str, Link], serving: Sequence[str]
) -> list[Program]:
    """The usual programs, but: two workers, doubled jobs, each way through its link; nothing that trains or forecasts."""
    result = []
    for program in found:
        if program.name in {"upkeep", "forecaster", "planner"}:
            continue
        if program.name not in CLIENTS:
            result.append(program)
            continue
        one = replace(program, environment={**program.environment, **_ways(settings, program.name, links)})
        if program.name in {"worker", "scorer"}:
            one = _doubled(settings, one, serving)
        result.append(one)
        if program.name == WORKERS[0]:
            result.append(_doubled(settings, _second(settings, program, links), serving))
    return result


def _ways(settings: Settings, client: str, links: dict[str, Link]) -> dict[str, str]:
    """The environment that sends a process through its links."""

    def dsn(server: str) -> str:
        return make_conninfo(settings.dsn, port=links[f"{client}→{server}"].port)

    found = {
        "FAIRLEAD_ZEEBE__ADDRESS": f"127.0.0.1:{links[f'{client}→zeebe'].port}",
        "FAIRLEAD_DATABASE_URL": dsn("postgres"),
        "FAIRLEAD_WORKER__MAX_DELIVERIES": str(DELIVERIES),
    }
    if client in LINKS["crm"]:
        found["FAIRLEAD_CRM_DATABASE_URL"] = dsn("crm")
    if client in LINKS["smtp"]:
        found["FAIRLEAD_MAIL__PORT"] = str(links[f"{client}→smtp"].port)
    return found


def _doubled(settings: Settings, program: Program, serving: Sequence[str]) -> Program:
    """The program run by the module that doubles its jobs, with a log file of its own."""
    python, _, _, *arguments = program.command()
    log = settings.home.absolute() / "logs" / f"{program.name}.own.log"
    return replace(
        program,
        command=lambda: (python, *serving, *arguments),
        environment={**program.environment, LOG: str(log)},
    )


def _second(settings: Settings, worker: Program, links: dict[str, Link]) -> Program:
    """A second worker beside the first."""
    port, name = free_port(), WORKERS[1]
    *command, _ = worker.command()
    return replace(
        worker,
        name=name,
        title="Second worker",
        command=lambda: (*command, str(port)),
        ready=lambda: readiness.http_ok(f"http://127.0.0.1:{port}/readyz"),
        ports={name: port},
        environment={**worker.environment, **_ways(settings, name, links)},
    )


async def furnish(settings: Settings, leads: int) -> None:
    """Everybody is at work at every minute, so that a run says the same at any hour; a day's room is for all leads.

    The room for open leads stays as it is: it is to be felt.
    """
    pool = await open_pool(settings.dsn, min_size=1, max_size=2)
    try:
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE routing.reps SET working_hours = %s, timezone = 'UTC', daily_capacity = greatest(daily_capacity, %s)",
                (Jsonb(ALWAYS), leads // 8),
            )
            await connection.execute("DELETE FROM routing.absences")
    finally:
        await pool.close()
