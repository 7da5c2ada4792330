"""What every case that is withdrawn has in common: the fence, the note, and what the engine could not undo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from workers.runtime.work import Work


async def record(
    work: Work, clock: Callable[[], datetime], mark: Callable[[datetime], Awaitable[object]], why: str | None
) -> datetime:
    """Fence the case, after waiting for effects under way, and `mark` it as withdrawn; when that was. `why` as was said."""
    # The fence first: it waits for jobs under way, which may hold the case's row.
    await work.close_case("withdrawn")
    now = clock()
    await mark(now)
    # The reason is free text and may hold personal data; the message's sender keeps it.
    await work.note("withdrawn", "It was withdrawn; whatever was done is undone.", reason_given=bool(why))
    return now


async def settle(work: Work) -> list[str]:
    """Run the compensation handlers of effects whose jobs were interrupted under way; ids of their elements."""
    undone = await work.undo_leftovers()
    why = "Undone here, as its job was interrupted: " + ", ".join(undone) if undone else "Nothing was left over."
    await work.note("settled", why, leftovers=undone)
    return undone
