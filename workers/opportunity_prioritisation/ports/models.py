"""The win model in use."""

from __future__ import annotations

from typing import ClassVar, Protocol

from workers.opportunity_prioritisation.domain.winning import WinModel
from workers.runtime.errors import BusinessError


class WinModelUnavailable(BusinessError):
    """There is no win model that works; the table gives the chances."""

    code: ClassVar[str] = "win_model_unavailable"


class WinModelShelf(Protocol):
    """Models that were trained."""

    async def active(self) -> WinModel:
        """The one in use.

        Raises:
            WinModelUnavailable: none is, or it can't be read.
        """
        ...
