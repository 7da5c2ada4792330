"""Pictures in PostgreSQL (table forecasting.pictures), shown by the gateway at signed addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from workers.office import links
from workers.runtime.work import Work
from workers.settings import Settings


def picture_path(run_version: str, segment: str) -> str:
    """Where the gateway shows a picture, not quoted."""
    return f"/forecasts/{run_version}/pictures/{segment}"


def page_path(version: str) -> str:
    """Where the gateway shows a published version to people."""
    return f"/forecasts/{version}"


class PostgresPictureShelf:
    """`PictureShelf` on the job's connection."""

    def __init__(self, work: Work, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._work = work
        self._settings = settings
        self._clock = clock

    async def store(self, run_version: str, pictures: Mapping[str, bytes]) -> None:
        """See `PictureShelf.store`."""
        async with self._work.connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO forecasting.pictures (run_version, segment, png) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [(run_version, segment, png) for segment, png in pictures.items()],
            )

    def link(self, run_version: str, segment: str) -> str:
        """See `PictureShelf.link`."""
        return self._signed(picture_path(run_version, segment))

    def page(self, version: str) -> str:
        """See `PictureShelf.page`."""
        return self._signed(page_path(version))

    def _signed(self, path: str) -> str:
        until = self._clock() + timedelta(hours=self._settings.gateway.link_hours)
        return links.signed(self._settings.gateway_url, path, links.secret_of(self._settings), until)
