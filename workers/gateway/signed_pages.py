"""Who may see a page or a picture for people, and for how long it may be kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Request, Response

from workers.gateway.parts import Parts
from workers.gateway.problems import Refusal
from workers.office import links

Until = Annotated[str | None, Query(pattern=r"^\d{1,11}$", description="Until when the link opens: part of it.")]
Signature = Annotated[str | None, Query(max_length=100, description="Part of the link.")]


async def let_in(request: Request, parts: Parts, path: str, until: str | None, signature: str | None) -> None:
    """Open to a link that we signed; who comes without one was looked at by `admission.admit`.

    Raises:
        Refusal: 403, a link that has ended or is not ours; 429.
    """
    if until is None or signature is None:
        return
    await parts.guard.page_visitor(request)
    if not links.opens(path, until, signature, links.secret_of(parts.settings), datetime.now(UTC)):
        detail = "This link has ended, or was changed. Open the task or the mail's successor for a new one."
        raise Refusal(403, "link-ended", detail)


def picture_of(png: bytes | memoryview) -> Response:
    """A picture of an immutable version; whoever has the link may keep it as long as the link opens."""
    headers = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'"}
    return Response(bytes(png), media_type="image/png", headers=headers)
