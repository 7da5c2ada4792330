"""When each case was handled: one line for each, appended by the processes that serve and read by the benchmark."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from workers.settings import Settings

STEP_SECONDS = 0.02


def place(settings: Settings) -> Path:
    """The file of this installation."""
    return settings.home.absolute() / "bench" / "handled.tsv"


class Stamps:
    """Writes the times. Several processes may at once: a short line is appended in one piece."""

    def __init__(self, settings: Settings) -> None:
        file = place(settings)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def handled(self, case_id: str) -> None:
        """Note that the task of this case runs now."""
        os.write(self._file, f"{case_id}\t{time.time():.6f}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Handled:
    """Reads the times: case id → seconds since 1970 at which its task first ran."""

    def __init__(self, settings: Settings) -> None:
        self._file = place(settings)
        self._offset = 0
        self._rest = ""
        self.times: dict[str, float] = {}

    def read(self) -> dict[str, float]:
        """All times written until now."""
        if self._file.exists():
            with self._file.open() as file:
                file.seek(self._offset)
                text = self._rest + file.read()
                self._offset = file.tell()
            *lines, self._rest = text.split("\n")
            for line in lines:
                case_id, _, at = line.partition("\t")
                self.times.setdefault(case_id, float(at))
        return self.times

    async def until(self, cases: set[str], seconds: float) -> bool:
        """Wait until all these cases were handled; False if some were not after so many seconds."""
        end = time.monotonic() + seconds
        while not cases <= self.read().keys():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(STEP_SECONDS)
        return True
