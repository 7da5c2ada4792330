"""A MIP in a process of its own, as HiGHS looks at the clock between its steps only, and a thread cannot be ended.

``python -m workers.territory_alignment.solving.apart`` reads what to solve from standard input and writes the answer. A
process of `multiprocessing` would import the caller's main module again, which may not be made for it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable

from workers.territory_alignment.solving.exactly import Exact, Flags, solve_exactly
from workers.territory_alignment.solving.model import Model

LOOK_SECONDS = 0.2
"""Between two looks whether it is over."""


def solve_apart(model: Model, pairs: Flags, *, seconds: float, gap: float, over: Callable[[], bool]) -> Exact | None:
    """See `exactly.solve_exactly`; None if it is over first, or the process died, as it may where memory is short."""
    command = [sys.executable, "-m", __name__]
    # A file, as `communicate` forgets after a time-out what of its input the pipe had no room for.
    with tempfile.TemporaryFile() as order:
        pickle.dump((model, pairs, seconds, gap), order)
        order.seek(0)
        with subprocess.Popen(command, stdin=order, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                while not over():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        answer, _ = process.communicate(timeout=LOOK_SECONDS)
                        return None if process.returncode else _read(answer)
                return None
            finally:
                process.kill()


def _read(answer: bytes) -> Exact:
    found: Exact = pickle.loads(answer)  # noqa: S301 - our own process wrote it
    return found


def main() -> None:
    """Answer one order."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get into the answer
    model, pairs, seconds, gap = pickle.load(sys.stdin.buffer)  # noqa: S301 - whoever started this process wrote it
    with out:
        pickle.dump(solve_exactly(model, pairs, seconds=seconds, gap=gap), out)


if __name__ == "__main__":
    main()
