"""Posts notices to rooms of Slack and Teams: a message a second for each room, and no more while it asks for a pause.

A room that is gone, or whose webhook was taken away, concerns all that is posted there: it rests and what waits is posted
once the settings name another one. Neither service knows repeats: as with mail, when a connection breaks after the message
was taken, it is posted twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Final

import httpx

from workers.connectors.chat.messages import slack, teams
from workers.connectors.outbound import Door
from workers.office.rooms import PREFIX
from workers.runtime.errors import PermanentError, RateLimited
from workers.runtime.outbox import FAMILY, OutboxRow
from workers.runtime.outside_http import asked
from workers.settings_out import Chat

CHANNEL = PREFIX + FAMILY
PACE_SECONDS = 1.0
"""Slack's limit for an incoming webhook; Teams allows four a second."""
GONE_SECONDS = 300.0
"""A room that is not there is asked again after so long."""
SECONDS = 10.0
"""How long a message may take."""

_GONE = (401, 403, 404, 410)
_REFUSED = (400, 413)
_WORD = re.compile(r"[a-z][a-z_]{2,40}")
_TITLES: Final[Mapping[str, str]] = {"slack": "Slack", "teams": "Teams"}


class Posting:
    """Delivers rows of `CHANNEL`."""

    def __init__(self, chat: Chat, inner: httpx.AsyncBaseTransport | None = None) -> None:
        """`inner` is the way to addresses that were judged."""
        self._chat = chat
        self._door = Door(trusted_hosts=chat.trusted_hosts, seconds=SECONDS, inner=inner)
        self._free_at: dict[str, float] = {}

    async def close(self) -> None:
        """Close the connections; the second call does nothing."""
        await self._door.close()

    async def __call__(self, row: OutboxRow) -> None:
        """Post a notice.

        Raises:
            RateLimited: the room's next second has not come, it asks for a pause, or it is not there.
            TransientError: it does not answer.
            PermanentError: no room of that name is set, or it refuses this message.
        """
        name = row.channel.removeprefix(PREFIX)
        room = self._chat.rooms.get(name)
        if room is None:
            raise PermanentError(f"FAIRLEAD_CHAT__ROOMS has no room {name} any more; drop this, or name it again.")
        now = time.monotonic()
        left = self._free_at.get(name, 0.0) - now
        if left > 0:
            raise RateLimited(f"{name} takes a message a second.", retry_after=left)
        self._free_at[name] = now + PACE_SECONDS
        title = f"{_TITLES[room.kind]} ({name})"
        try:
            message = (slack if room.kind == "slack" else teams)(row.payload["subject"], row.payload["text"])
        except (KeyError, TypeError, AttributeError):
            raise PermanentError("This row holds no notice; drop it, or correct its payload.") from None
        async with asyncio.timeout(SECONDS + 1.0):
            call = self._door.http.post(room.url.get_secret_value(), json=message)
            answer = await asked(title, call, handled=(*_GONE, *_REFUSED))
        word = _WORD.fullmatch(answer.text[:50].strip())
        said = f"HTTP {answer.status_code}{f', {word[0]}' if word else ''}"
        if answer.status_code in _GONE:
            raise RateLimited(
                f"{title} is not there, or not for us ({said}). Set another url in FAIRLEAD_CHAT__ROOMS and start the "
                "dispatchers again; what waits is posted then.",
                retry_after=GONE_SECONDS,
            )
        if answer.status_code in _REFUSED:
            raise PermanentError(f"{title} refuses this message ({said}).")
