"""Memory of a real process and of the one below it."""

from __future__ import annotations

import subprocess
import sys

from workers.engine.memory import of_family

CHILD = "held = bytearray(60_000_000); print('ready', flush=True); input()"
PARENT = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_a_process_counts_with_those_below_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        size = of_family(process.pid)
        assert size is not None
        assert 60_000_000 < size < 200_000_000
        process.stdin.close()
    assert of_family(process.pid) is None
