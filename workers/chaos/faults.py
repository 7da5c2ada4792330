"""Does to the running stack what the schedule says, and makes everything well again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable, Iterable
from http.client import HTTPException
from xmlrpc.client import Fault as SupervisorFault

import httpx
import psutil

from workers.chaos.schedule import Fault, Schedule
from workers.chaos.stage import Stage

FULL = 0
"""Bytes that a process may write to a file while "its disk is full" (RLIMIT_FSIZE): it gets an OSError, EFBIG."""
GIVEN_UP = {"FATAL", "EXITED", "STOPPED", "UNKNOWN"}
WATCH_SECONDS = 3.0
CLOCK_SPARE_SECONDS = 120.0


class Injector:
    """Hurts one stage."""

    def __init__(self, stage: Stage, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._say = say
        self._lasting: set[asyncio.Task[None]] = set()
        self._full: set[str] = set()
        self._passed = False
        self.done: list[Fault] = []
        """Faults that took place."""
        self.missed: list[Fault] = []
        """Faults that found nothing to hurt: the process was just being started again."""
        self.clock_ahead = 0.0
        """Seconds by which the engine's clock was moved in all; a restart of the engine sets it right."""

    async def run(self, schedule: Schedule) -> None:
        """Carry out the schedule; each fault begins at its time, whether others last or not."""
        began = time.monotonic()
        ward = asyncio.create_task(self._ward())
        try:
            for fault in schedule.faults:
                await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
                task = asyncio.create_task(self._one(fault))
                self._lasting.add(task)
                task.add_done_callback(self._lasting.discard)
            while self._lasting:
                await asyncio.wait(set(self._lasting))
        finally:
            ward.cancel()
            await asyncio.gather(ward, return_exceptions=True)

    async def heal(self) -> None:
        """End every fault that lasts, and start what gave up."""
        for task in set(self._lasting):
            task.cancel()
        await asyncio.gather(*self._lasting, return_exceptions=True)
        for link in self._stage.links.values():
            link.heal()
        for name in self._pids():
            self._continue(self._family(name))
        for name in sorted(self._full):
            self._limit(name, resource.RLIM_INFINITY)
        await self.revive()

    async def _one(self, fault: Fault) -> None:
        self._say(fault.line())
        try:
            hurt = await self._hurt(fault)
        except (OSError, httpx.HTTPError, psutil.Error) as error:
            self._say(f"           ({fault.kind} {fault.target}: {type(error).__name__})")
            hurt = False
        (self.done if hurt else self.missed).append(fault)

    async def _hurt(self, fault: Fault) -> bool:
        """Do it, and undo it when its time is over; whether there was something to hurt."""
        match fault.kind:
            case "clock":
                return await self.move_clock(fault.amount)
            case "disk":
                return await self._fill_disk(fault)
            case "kill" if fault.target != "crm":
                return self._kill(fault.target)
            case "pause" | "hang" if fault.target != "crm":
                return await self._pause(fault)
            case _:
                return await self._on_links(fault)

    async def _on_links(self, fault: Fault) -> bool:
        links = self._stage.links_of(fault.target)
        for link in links:
            match fault.kind:
                case "latency":
                    link.delay = fault.amount
                case "reset":
                    link.reset()
                case "kill":  # the CRM, a program that we don't run: its connections break, and it takes no new ones
                    link.refusing = True
                    link.reset()
                case _:
                    link.hold()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            for link in links:
                link.heal()
        return bool(links)

    def _kill(self, name: str) -> bool:
        pid = self._pids().get(name)
        if pid:
            os.kill(pid, signal.SIGKILL)
        return bool(pid)

    async def _pause(self, fault: Fault) -> bool:
        family = self._family(fault.target)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._continue(family)
        return bool(family)

    async def move_clock(self, seconds: float) -> bool:
        """Move the engine's clock forward: timers, job time-outs and messages' lives become due."""
        url = f"http://127.0.0.1:{self._stage.settings.ports.camunda_management}/actuator/clock/add"
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            answer = await http.post(url, json={"offsetMilli": int(seconds * 1000)})
        self.clock_ahead += seconds
        return answer.is_success

    async def pass_time_outs(self) -> None:
        """Move the engine's clock past the time-outs of jobs that were taken while it was ahead: once, if it ever was."""
        if self._passed or not self.clock_ahead:
            return
        seconds = self.clock_ahead + CLOCK_SPARE_SECONDS
        with contextlib.suppress(httpx.HTTPError):  # then it is tried again
            self._passed = await self.move_clock(seconds)
            self._say(f"           the clock goes on by {seconds:g} s")

    async def _fill_disk(self, fault: Fault) -> bool:
        if not self._limit(fault.target, FULL):
            return False
        self._full.add(fault.target)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._limit(fault.target, resource.RLIM_INFINITY)
        return True

    def _limit(self, name: str, limit: int) -> bool:
        """Set how large files may get that a program writes; whether it was there."""
        pid = self._pids().get(name)
        if not pid:
            return False
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            soft = hard if limit == resource.RLIM_INFINITY else limit
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        return True

    def _pids(self) -> dict[str, int]:
        """The program's processes now, by name."""
        states = self._stage.stack.supervisor.states()
        return {name: state.pid for name, state in states.items() if state.running and state.pid}

    def _family(self, name: str) -> list[psutil.Process]:
        """A program's process and those below it."""
        pid = self._pids().get(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            if pid:
                process = psutil.Process(pid)
                return [process, *process.children(recursive=True)]
        return []

    @staticmethod
    def _continue(family: Iterable[psutil.Process]) -> None:
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    async def _ward(self) -> None:
        """Start again what the supervisor gave up: it counts a death while starting as one start in vain."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.revive()

    async def revive(self) -> None:
        """Start again what the supervisor gave up."""
        supervisor = self._stage.stack.supervisor
        for name, state in (await asyncio.to_thread(supervisor.states)).items():
            if state.status in GIVEN_UP:
                self._say(f"           {name} is {state.status.lower()}; started again")
                with contextlib.suppress(OSError, HTTPException, SupervisorFault):
                    await asyncio.to_thread(supervisor.start, name)
