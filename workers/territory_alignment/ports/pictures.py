"""Pictures of plans: drawn by the solver's process, shown by the gateway."""

from __future__ import annotations

from typing import Protocol


class PictureShelf(Protocol):
    """Addresses that open without a log-in for `gateway.link_hours`."""

    def link(self, plan_version: str) -> str:
        """Of the maps of today and the plan."""
        ...

    def page(self, version: str) -> str:
        """Of a published version's page."""
        ...
