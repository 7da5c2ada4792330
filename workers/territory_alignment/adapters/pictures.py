"""Addresses of pictures (table territories.pictures) and pages, shown by the gateway to whoever has the signed link."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from workers.office import links
from workers.settings import Settings


def picture_path(plan_version: str) -> str:
    """Where the gateway shows a plan's picture."""
    return f"/territories/{plan_version}/picture"


def page_path(version: str) -> str:
    """Where the gateway shows a published version to people."""
    return f"/territories/{version}"


class SignedPictureShelf:
    """`PictureShelf` by links that the gateway opens."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    def link(self, plan_version: str) -> str:
        """See `PictureShelf.link`."""
        return self._signed(picture_path(plan_version))

    def page(self, version: str) -> str:
        """See `PictureShelf.page`."""
        return self._signed(page_path(version))

    def _signed(self, path: str) -> str:
        until = self._clock() + timedelta(hours=self._settings.gateway.link_hours)
        return links.signed(self._settings.gateway_url, path, links.secret_of(self._settings), until)
