"""A stack of one's own, for benchmarks and chaos: free ports, a temporary folder, and nothing else going on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from workers.engine.opensearch import HIGHEST_PORT
from workers.engine.ports import free_port, reserve
from workers.settings import Ports, Settings

STOP_SECONDS = 180.0


class StackFailed(Exception):
    """The benchmark's own stack did not start; the message holds what was said."""


@contextlib.contextmanager
def own_stack(*, engine_only: bool = False, **more: str) -> Iterator[Settings]:
    """Start a stack, give its settings, take it down and remove its folder.

    With `engine_only` none of our processes runs in it and there is no sample organisation; the database has its tables.
    `more` are environment variables.

    Raises:
        StackFailed: it did not start.
    """
    with own_place("fairlead-bench-", **more) as settings:
        _fairlead("up", "--detach", "--engine-only" if engine_only else "--no-sample")
        try:
            _fairlead(*(("db", "upgrade") if engine_only else ("sample", "load")))
            yield settings
        finally:
            _fairlead("down", seconds=STOP_SECONDS)


@contextlib.contextmanager
def own_place(prefix: str, **more: str) -> Iterator[Settings]:
    """Settings with free ports and a temporary folder, and ``more`` environment variables; nothing runs yet.

    Whoever ends the program meanwhile, by Ctrl-C, `kill` or closing the terminal: it is a KeyboardInterrupt, so that
    nothing of the stack is left behind.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)  # a PostgreSQL started by root runs as another user, who must reach its data
    before = dict(os.environ)
    handlers = {
        # A shell without job control starts what runs in the background deaf to it.
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        **{
            number: signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
            for number in (signal.SIGTERM, signal.SIGHUP)
        },
    }
    # By the environment, because every process of the stack reads its settings there.
    os.environ.update(own_environment(folder) | more)
    try:
        yield Settings()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def own_environment(folder: Path) -> dict[str, str]:
    """Environment variables of a stack on free ports with its home in ``folder``."""
    # Its runner takes few ports; who chose the same one in the same second would find it busy.
    ports = {"opensearch": reserve(range(HIGHEST_PORT, 1024, -1))}
    for name in Ports.model_fields.keys() - ports.keys():
        ports[name] = next(port for port in iter(free_port, 0) if port not in ports.values())
    return {"FAIRLEAD_HOME": str(folder)} | {
        f"FAIRLEAD_PORTS__{name.upper()}": str(port) for name, port in ports.items()
    }


def _fairlead(*arguments: str, seconds: float = 600.0) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise StackFailed(
            f"`fairlead {' '.join(arguments)}` failed with code {done.returncode}:\n{done.stdout.strip()}"
        )
