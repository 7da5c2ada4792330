"""What `fairlead up` does and shows."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from workers.engine import opensearch, postgres, readiness
from workers.engine.downloads import Store
from workers.engine.errors import EngineError, StartError, UnreachableError
from workers.engine.programs import programs
from workers.engine.stack import Health, Stack
from workers.settings import Settings

LARGE_BYTES = 20_000_000
WATCH_SECONDS = 2.0
WIDTH = 140
DATABASE, ENGINE = 1, 2
"""Phases after which the database and the engine are ready (`workers.engine.programs`)."""


def stack_of(
    settings: Settings, store: Store | None = None, *, engine_only: bool = False, sample: bool = True
) -> Stack:
    """The stack that these settings describe."""
    store = store or Store(settings.cache, settings.maven_repository)
    return Stack(settings, programs(settings, store, engine_only=engine_only, sample=sample))


def new_console() -> Console:
    """The terminal; a file or a pipe has no width to fit into."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def show(found: Sequence[Health], console: Console | None = None) -> None:
    """A table of programs with their addresses and log-ins."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "program", "state", "address", "log-in"):
        table.add_column(title)
    table.add_column("memory", justify="right")
    held = [one.memory_bytes for one in found]
    for one, memory in zip(found, held, strict=True):
        good = one.problem is None
        state = f"ready, {_span(one.state.seconds)}" if good and one.state else str(one.problem)
        mark = "[green]●[/]" if good else "[red]●[/]"
        size = _megabytes(memory) if memory is not None else ""
        table.add_row(mark, one.program.title, state, one.program.address, one.program.login, size)
    if any(held):
        table.add_row("", "all", "", "", "", _megabytes(sum(filter(None, held))))
    (console or new_console()).print(table)


class Up:
    """One run of `fairlead up`."""

    def __init__(self, settings: Settings, *, engine_only: bool, sample: bool) -> None:
        if settings.engine == "embedded":
            raise EngineError("The embedded engine is for tests only: use FAIRLEAD_ENGINE=local or =remote.")
        self.settings = settings
        self.engine_only = engine_only
        self.sample = sample
        self.console = new_console()
        store = Store(settings.cache, settings.maven_repository, self._download)
        self.stack = stack_of(settings, store, engine_only=engine_only, sample=sample)
        self.titles = {program.name: program.title for program in self.stack.programs}
        self._progress: Progress | None = None
        self._loading: asyncio.subprocess.Process | None = None

    def run(self, *, detach: bool) -> None:
        """Start everything; without ``detach`` stay until Ctrl-C, then stop everything. Raises `EngineError`."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)  # closing the terminal is as good as Ctrl-C
        began = time.monotonic()
        try:
            self._fetch()
            asyncio.run(self._start())
            found = asyncio.run(self.stack.health())
            self.console.print(f"Everything is ready after {time.monotonic() - began:.0f} s.\n", style="bold")
            show(found, self.console)
            if detach:
                self.console.print("\n`fairlead status` says how it is, `fairlead down` stops it.")
                return
            self.console.print("\nCtrl-C stops everything; the data are kept.")
            asyncio.run(self._follow())
        except KeyboardInterrupt:
            self.console.print("Stopping …")
            self.stack.down()
            self.console.print("Everything is stopped; the data are kept.")

    def _fetch(self) -> None:
        """Get what is missing, with a bar."""
        columns = (TextColumn("Fetching {task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as self._progress:
            for program in self.stack.programs:
                program.command()
        self._progress = None

    async def _start(self) -> None:
        if self.settings.engine == "remote":
            await self._check_remote()
        with self.console.status("Starting …", spinner="dots") as spinner:

            def report(name: str, what: str, seconds: float) -> None:
                if what in {"ready", "runs already"}:
                    self.console.print(f"[green]✓[/] {self.titles[name]}: {what} ({seconds:.1f} s)", highlight=False)
                else:
                    spinner.update(f"{self.titles[name]}: {what[:100]} ({seconds:.0f} s)")

            try:
                await self.stack.up(report, after={DATABASE: self._database, ENGINE: self._engine})
            finally:
                await self._end_loading()

    async def _check_remote(self) -> None:
        problem = await readiness.zeebe_ok(self.settings)
        if problem:
            raise UnreachableError(
                f"The Camunda cluster can't be used: {problem}. Check FAIRLEAD_ZEEBE__ADDRESS, its TLS and its log-in."
            )
        self.console.print(f"[green]✓[/] Camunda cluster at {self.settings.zeebe_address} answers", highlight=False)
        if self.settings.control_room.records_url is None:
            self.console.print(
                "[yellow]![/] No read model: the control room has no figures, and a job that the cluster forgets to hand out "
                "again stays unnoticed. Set FAIRLEAD_CONTROL_ROOM__RECORDS_URL to where its exporter writes.",
                highlight=False,
            )

    async def _database(self) -> None:
        from workers.runtime.database import upgrade

        if self.settings.database_url is None:
            await asyncio.to_thread(postgres.create_database, self.settings.dsn)
        if self.engine_only:
            return
        with self._timed("Database schema"):
            problem = await readiness.postgres_ok(self.settings.dsn)
            if problem:
                raise UnreachableError(f"The database can't be reached: {problem}. Check FAIRLEAD_DATABASE_URL.")
            await asyncio.to_thread(upgrade, self.settings.dsn)
        if self.sample:  # beside the start of Camunda, which takes longer
            self._loading = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "workers", "sample", "load"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def _engine(self) -> None:
        if self.settings.engine == "local":
            await opensearch.accept_whole_seconds(self.settings)
        if self.engine_only:
            return
        from workers.runtime.deployment import deploy
        from workers.runtime.errors import TaskError

        with self._timed("Diagrams, tables and forms"):
            try:
                # On one's own machine things are tried out, so that a kept tag is only said.
                report = await deploy(self.settings, same_tags=self.settings.engine == "local")
            except TaskError as error:
                raise StartError(f"The models could not be deployed: {error}") from error
        for line in report.lines() if report.changed else ["Nothing changed."]:
            self.console.print(f"  {line}", highlight=False)
        if self._loading is not None:
            output, _ = await self._loading.communicate()
            text = output.decode(errors="replace").strip()
            if self._loading.returncode:
                raise StartError(f"The sample organisation could not be loaded:\n{text}")
            self.console.print(f"[green]✓[/] {text.splitlines()[-1] if text else 'Sample loaded'}", highlight=False)

    async def _end_loading(self) -> None:
        """The sample's loading does not outlive a start that failed or was broken off."""
        if self._loading is not None and self._loading.returncode is None:
            self._loading.kill()
            await self._loading.wait()

    async def _follow(self) -> None:
        watch = asyncio.create_task(self._watch())
        try:
            if self.sample:
                from workers.sample.live import follow

                await follow(self.settings, self.console)
            else:
                await watch
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def _watch(self) -> None:
        """Say when a program dies or is started again, and end when someone else took everything down."""
        known = self.stack.supervisor.states()
        while known:
            await asyncio.sleep(WATCH_SECONDS)
            states = await asyncio.to_thread(self.stack.supervisor.states)
            for name, state in states.items():
                before = known.get(name)
                if before and before.pid != state.pid:
                    log = self.stack.supervisor.log(name)
                    self.console.print(f"{self.titles.get(name, name)} is {state.status.lower()} again; see {log}")
            known = states

    @contextmanager
    def _timed(self, title: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.console.print(f"[green]✓[/] {title}: ready ({time.monotonic() - began:.1f} s)", highlight=False)

    @contextmanager
    def _download(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        progress = self._progress
        if progress is None:
            yield lambda _received: None
            return
        if total > LARGE_BYTES and not self.console.is_terminal:
            self.console.print(f"Fetching {name} ({total / 1e6:.0f} MB)", highlight=False)
        task = progress.add_task(name, total=total or None)
        try:
            yield lambda received: progress.advance(task, received)
        finally:
            progress.remove_task(task)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"for {seconds:.0f} s"
    return f"for {seconds / 60:.0f} min" if seconds < 7200 else f"for {seconds / 3600:.0f} h"
