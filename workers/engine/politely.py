"""Programs that let others go first."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def politely(command: Sequence[str], by: int) -> tuple[str, ...]:
    """The command at a priority lower by so much (POSIX `nice`), where the machine has that program."""
    return ("nice", "-n", str(by), *command) if shutil.which("nice") else tuple(command)
