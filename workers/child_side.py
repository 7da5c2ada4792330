"""The inner side of a process that works on one order (the outer one: `workers.runtime.children`).

It reads the order from standard input, which stays open: when it closes, who asked is gone, and the process ends with all
that it started. It answers on standard output, by lines of JSON and bytes; what libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import BinaryIO

NICE = 10
"""Other programs of the machine go before."""


class Answers:
    """Standard output, taken away from libraries; the process gets a low priority."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        os.nice(NICE)

    def line(self, content: Mapping[str, object]) -> None:
        """A line of JSON."""
        self._out.write(json.dumps(content).encode() + b"\n")
        self._out.flush()

    def parts(self, **parts: bytes) -> None:
        """A line with the size of each part, and their bytes in that order."""
        self.line({name: len(content) for name, content in parts.items()})
        for content in parts.values():
            self._out.write(content)
        self._out.flush()


def end_with_who_asked() -> None:
    """End this process and its children when standard input does; call it when the order is read."""
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()


def _end_with(stream: BinaryIO) -> None:
    stream.read()
    os.killpg(0, signal.SIGKILL)
