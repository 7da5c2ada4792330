"""The benchmark's own place is gone afterwards, however the benchmark ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import signal
from workers.bench.own_stack import own_place
with own_place("fairlead-test-") as settings:
    print(settings.home, flush=True)
    while True:
        signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("deaf", ["", "trap '' INT; "], ids=["", "in the background"])
def test_an_ended_benchmark_leaves_no_folder(number: signal.Signals, deaf: str) -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", deaf + 'exec "$0" -c "$1"', sys.executable, PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdout is not None
        home = Path(program.stdout.readline().strip())
        assert home.is_dir()
        program.send_signal(number)
        program.wait(30)
    assert not home.exists()
