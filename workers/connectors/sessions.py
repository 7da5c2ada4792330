"""Log-ins that end by themselves: renewed once by whoever is refused first, however many find out at the same time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from workers.connectors.line import Line

S = TypeVar("S")
"""A session."""


class Sessions(ABC, Generic[S]):
    """One for each process and account."""

    def __init__(self) -> None:
        self._session: S | None = None
        self._renewing = asyncio.Lock()

    @abstractmethod
    async def log_in(self, line: Line) -> S:
        """A new session.

        Raises:
            SystemDown: no usable answer.
            SystemPause: the log-in is refused.
        """

    async def session(self, line: Line, *, instead_of: S | None = None) -> S:
        """The session that holds; if it is `instead_of`, a new one. Of several who find it expired one logs in.

        Raises:
            SystemDown: no usable answer.
            SystemPause: the log-in is refused.
        """
        async with self._renewing:
            if self._session is None or self._session == instead_of:
                self._session = await self.log_in(line)
            return self._session
