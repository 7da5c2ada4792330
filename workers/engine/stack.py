"""Brings a set of programs up in order, tells how they are, and takes them down; safe to repeat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from workers.engine import memory, ports
from workers.engine.disk import disk_errors, require_space
from workers.engine.errors import EngineError, StartError
from workers.engine.programs import Program
from workers.engine.supervision import State, Supervisor
from workers.settings import Settings

STEP_SECONDS = 0.5
HOME_SETTING = "FAIRLEAD_HOME"
"""Puts the data elsewhere."""

Report = Callable[[str, str, float], None]
"""Called with a program's name, what happens to it (``starting``, ``waiting: …``, ``ready``, ``runs already``), and
the seconds since its start began."""
Hook = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Health:
    """How one program is."""

    program: Program
    state: State | None
    problem: str | None
    """None if it is ready, else what is wrong."""

    @property
    def memory_bytes(self) -> int | None:
        """What it holds now, those below it included; None if it does not run, or nobody can say."""
        return memory.of_family(self.state.pid) if self.state and self.state.running else None

    def as_json(self) -> dict[str, Any]:
        """For `fairlead status --json`."""
        return {
            "name": self.program.name,
            "title": self.program.title,
            "status": self.state.status if self.state else "STOPPED",
            "ready": self.problem is None,
            "problem": self.problem,
            "pid": self.state.pid if self.state else 0,
            "seconds": round(self.state.seconds) if self.state else 0,
            "memory_bytes": self.memory_bytes,
            "ports": dict(self.program.ports),
            "address": self.program.address,
        }


class Stack:
    """The programs of one home folder."""

    def __init__(self, settings: Settings, programs: Sequence[Program]) -> None:
        self.settings = settings
        self.programs = list(programs)
        self.supervisor = Supervisor(settings.home)

    async def up(self, report: Report, after: Mapping[int, Hook] | None = None) -> None:
        """Start what does not run, phase by phase; ``after`` is called when all programs of a phase are ready.

        Raises `PortBusyError` or `DiskFullError` before anything is started, `StartError` if a program dies or does not
        get ready, and whatever a hook raises. What was started by this call is stopped then.
        """
        with disk_errors(self.supervisor.home, HOME_SETTING), _one_at_a_time(self.supervisor):
            found = self.supervisor.running()
            before = {name for name, state in self.supervisor.states().items() if state.running}
            self._require_ports(before)
            self._require_room(before)
            self.supervisor.write(self.programs)
            if found:
                before -= set(self.supervisor.update())
            else:
                self.supervisor.start_daemon()
            try:
                hooks = after or {}
                for phase in sorted({program.phase for program in self.programs} | set(hooks)):
                    await self._phase([one for one in self.programs if one.phase == phase], before, report)
                    if phase in hooks:
                        await hooks[phase]()
            except BaseException:
                self._undo(before)
                raise

    async def health(self, names: Sequence[str] | None = None) -> list[Health]:
        """How each program is now; without ``names`` those that the supervisor knows (all, if it does not run)."""
        states = self.supervisor.states()
        chosen = [p for p in self.programs if p.name in (names or states or [p.name])]
        return await asyncio.gather(*(self._health(program, states.get(program.name)) for program in chosen))

    def down(self) -> bool:
        """Stop everything; data stay. Whether something ran."""
        return self.supervisor.stop_all()

    def _require_ports(self, running: set[str]) -> None:
        wanted = {name: port for p in self.programs if p.name not in running for name, port in p.ports.items()}
        ports.require_free(wanted)

    def _require_room(self, running: set[str]) -> None:
        needed = sum(program.disk_bytes for program in self.programs if program.name not in running)
        if needed:
            require_space(self.supervisor.home, needed, HOME_SETTING)

    async def _phase(self, group: list[Program], running: set[str], report: Report) -> None:
        for program in group:
            if program.name not in running:
                if program.prepare is not None:
                    await asyncio.to_thread(program.prepare)
                self.supervisor.start(program.name)
                report(program.name, "starting", 0.0)
        try:
            async with asyncio.TaskGroup() as tasks:
                for program in group:
                    tasks.create_task(self._wait(program, program.name in running, report))
        except* EngineError as errors:
            raise errors.exceptions[0] from None  # the first is the cause; one is what a person can act on

    async def _wait(self, program: Program, was_running: bool, report: Report) -> None:
        """Until the program is ready. A process that dies meanwhile ends the wait, though it would be restarted."""
        began, pid, first = time.monotonic(), 0, True
        while True:
            missing = await program.ready()
            seconds = time.monotonic() - began
            state = self.supervisor.states().get(program.name)
            if state is None or state.status in {"STOPPING", "STOPPED"}:
                raise StartError(f"Everything was stopped while {program.title} was starting; run `fairlead up` again.")
            if missing is None and state.running:
                report(program.name, "runs already" if was_running and first else "ready", seconds)
                return
            died = pid and state.pid != pid and not was_running
            if died or state.status in {"BACKOFF", "FATAL", "EXITED"}:
                raise StartError(f"{program.title} died while starting. {self._why(program)}")
            if seconds > program.start_seconds:
                raise StartError(
                    f"{program.title} was not ready after {seconds:.0f} s: {missing}. {self._why(program)}"
                )
            report(program.name, f"waiting: {missing}", seconds)
            pid, first = pid or state.pid, False
            await asyncio.sleep(STEP_SECONDS)

    def _why(self, program: Program) -> str:
        return f"The last lines of {self.supervisor.log(program.name)}:\n{self.supervisor.tail(program.name)}"

    async def _health(self, program: Program, state: State | None) -> Health:
        if state is None or not state.running:
            return Health(program, state, "it does not run" if state is None else f"it is {state.status.lower()}")
        return Health(program, state, await program.ready())

    def _undo(self, before: set[str]) -> None:
        if not before:
            self.supervisor.stop_all()
            return
        for name, state in self.supervisor.states().items():
            if state.running and name not in before:
                self.supervisor.stop(name)


@contextmanager
def _one_at_a_time(supervisor: Supervisor) -> Iterator[None]:
    """Two `fairlead up` on one home at once would start things twice."""
    import fcntl  # noqa: PLC0415 - Unix only, as supervisord is

    supervisor.run.mkdir(parents=True, exist_ok=True)
    with (supervisor.run / "up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(
                f"Another `fairlead up` is starting things in {supervisor.home}. Wait for it and try again."
            ) from None
        yield
