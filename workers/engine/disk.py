"""Whether there is room: asked before something large is written, and said when the disk fills up all the same."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.engine.errors import DiskFullError

SPARE_BYTES = 200_000_000
"""Room left on the disk, in bytes, that nothing of ours must take: engines stop when a disk is nearly full."""


def require_space(folder: Path, needed: int, setting: str) -> None:
    """Raise `DiskFullError` if fewer than ``needed`` bytes and some to spare are free where ``folder`` lies.

    ``setting`` is the environment variable that puts the folder elsewhere.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise DiskFullError(
            f"{(needed + SPARE_BYTES) / 1e6:,.0f} MB are needed in {folder}, and {free / 1e6:,.0f} MB are free. "
            f"Free some space, or put the folder elsewhere with {setting}, and run the command again."
        )


@contextmanager
def disk_errors(folder: Path, setting: str) -> Iterator[None]:
    """Turn the operating system's "no space left" into `DiskFullError`; ``setting`` as in `require_space`."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise DiskFullError(
            f"The disk of {folder} is full. Free some space, or put the folder elsewhere with {setting}, "
            "and run the command again; nothing half-written is used."
        ) from error
