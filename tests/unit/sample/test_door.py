"""The sample's way to the gateway: what is asked to come back comes back, what is refused is told."""

from __future__ import annotations

import httpx
import pytest

from workers.sample.door import Door, Refused


def door(*answers: httpx.Response) -> tuple[Door, list[httpx.Request]]:
    """A door behind which these answers come, one after the other, and the requests that came there."""
    seen: list[httpx.Request] = []
    waiting = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return next(waiting)

    return Door(httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://gateway")), seen


async def test_a_request_that_is_still_under_way_is_sent_again() -> None:
    under_way = httpx.Response(409, headers={"Retry-After": "0"})
    knocking, seen = door(under_way, httpx.Response(202, json={"lead_id": "lead-1"}))
    assert (await knocking.post("/v1/leads", {}, key="k1")).json() == {"lead_id": "lead-1"}
    assert [request.headers["Idempotency-Key"] for request in seen] == ["k1", "k1"]


async def test_a_refusal_that_waiting_cannot_change_is_told() -> None:
    knocking, seen = door(httpx.Response(409, json={"detail": "The lead is accepted already."}))
    with pytest.raises(Refused, match="accepted already"):
        await knocking.post("/v1/leads/x/withdraw", {})
    assert len(seen) == 1
