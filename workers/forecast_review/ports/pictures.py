"""Pictures of segments: drawn by the forecaster, shown by the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class PictureShelf(Protocol):
    """Pictures of fitted versions."""

    async def store(self, run_version: str, pictures: Mapping[str, bytes]) -> None:
        """Keep pictures (segment → PNG) in the job's transaction; one that is there already stays."""
        ...

    def link(self, run_version: str, segment: str) -> str:
        """The picture's address; it opens without a log-in for `gateway.link_hours`."""
        ...

    def page(self, version: str) -> str:
        """The address of a published version's page; it opens like a picture's."""
        ...
