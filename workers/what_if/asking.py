"""How others have leads replayed: in a child process."""

from __future__ import annotations

import asyncio
import json

from workers.runtime.children import child
from workers.settings import Settings
from workers.what_if.answer import WhatIf
from workers.what_if.child import Order
from workers.what_if.errors import Refused, Unfinished

CHILD = "workers.what_if.child"
SECONDS = 600.0
"""A replay that takes longer is given up."""
MOST_LEADS = 100_000


async def ask(settings: Settings, table: bytes, *, last: int, cases: int) -> WhatIf:
    """Replay the `last` leads with a changed file of `dmn/`, listing up to `cases` that are decided otherwise.

    Raises:
        Refused: the file can't be used, or there is nothing to replay.
        Unfinished: something it needs is missing or not reachable, or it took longer than `SECONDS`.
    """
    try:
        text = table.decode()
    except UnicodeDecodeError:
        raise Refused("This file is no DMN: it is not UTF-8 text.") from None
    order = Order.of(settings, text, last=last, cases=cases)
    try:
        async with asyncio.timeout(SECONDS), child(CHILD) as replaying:
            said, _ = await replaying.communicate(order.model_dump_json().encode() + b"\n")
    except TimeoutError:
        raise Unfinished(f"The replay took longer than {SECONDS:g} s. Replay fewer leads.") from None
    if not said:
        raise Unfinished(
            "The process that replays ended before it was done. Its reason is in the log, on standard error."
        )
    found = json.loads(said)
    if "refused" in found:
        raise Refused(found["refused"])
    if "unfinished" in found:
        raise Unfinished(found["unfinished"])
    return WhatIf.model_validate(found["answer"])
