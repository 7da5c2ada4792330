"""Letters to reps: the link in the mail opens them for a while, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from workers.gateway.parts import TheParts
from workers.gateway.problems import Refusal
from workers.office import links
from workers.quota_approval.domain.letters import letter_path

router = APIRouter(tags=["people"])

Name = Annotated[str, Path(pattern=r"^[^\x00]{1,200}$")]


@router.get(
    "/quotas/{version}/letters/{node}.pdf",
    response_class=Response,
    summary="A letter to a rep",
    responses={200: {"content": {"application/pdf": {}}, "description": "One page."}},
)
async def get_letter(
    version: Name,
    node: Name,
    parts: TheParts,
    until: Annotated[str, Query(pattern=r"^\d{1,11}$", description="Until when the link opens: part of it.")],
    signature: Annotated[str, Query(max_length=100, description="Part of the link.")],
) -> Response:
    """By the link in the mail only: a letter is its rep's alone."""
    secret, now = links.secret_of(parts.settings), datetime.now(UTC)
    if not links.opens(letter_path(version, node), until, signature, secret, now):
        raise Refusal(403, "link-ended", "This link is not one of ours, or has ended.")
    async with parts.pool.connection() as connection:
        found = await connection.execute(
            "SELECT pdf FROM quotas.letters WHERE version = %s AND node = %s AND sent_at IS NOT NULL AND void_at IS NULL",
            (version, node),
        )
        row = await found.fetchone()
    if row is None:
        raise Refusal(404, "no-letter", "There is no such letter, or it was taken back.")
    return Response(bytes(row["pdf"]), media_type="application/pdf", headers={"Cache-Control": "private, no-store"})
