"""A publisher that is killed at a moment of its work."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from workers.connectors.publishing.publisher import Publisher


class Killed(BaseException):
    """The process ends here."""


async def killed_at(moment: int, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, act: Awaitable[object]) -> bool:
    """Whether the work got to a moment, just before one of its requests and notes; there it broke off."""
    passed = 0

    def broken(inner: Any) -> Any:
        async def call(*args: Any, **more: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed == moment:
                raise Killed
            return await inner(*args, **more)

        return call

    with monkeypatch.context() as patch:
        for part, names in (
            (publisher._records, ("find", "read", "write")),
            (publisher._ledger, ("begin", "plan", "move", "mark", "undo", "pass_on")),
        ):
            for name in names:
                patch.setattr(part, name, broken(getattr(part, name)))
        try:
            await act
        except Killed:
            return True
    return False
