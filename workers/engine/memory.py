"""How much memory programs take."""

from __future__ import annotations

import psutil


def of_family(pid: int) -> int | None:
    """Bytes that a process and those below it hold: the proportional set size, in which what several share counts once
    (``Pss`` in proc_pid_smaps(5), Linux). None if it is gone, belongs to somebody else, or the system does not say.
    """
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(int(one.memory_full_info().pss) for one in family)
    except (psutil.Error, AttributeError):
        return None
