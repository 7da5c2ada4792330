"""Some other system with a REST API: orders, a bearer token, repeats known by Idempotency-Key, faults to switch on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse

from tests.simulators.serving import listening

TOKEN = "an-orders-token"


@dataclass
class Orders:
    """What the system has."""

    url: str = ""
    orders: list[dict[str, Any]] = field(default_factory=list)
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The idempotency keys that came, repeats too."""
    faults: list[int] = field(default_factory=list)
    """Statuses of the next answers, after the work was done."""


@contextlib.contextmanager
def orders() -> Iterator[Orders]:
    """Serves it on a port of its own."""
    app = FastAPI()
    found = Orders()

    @app.post("/orders")
    async def take(
        body: dict[str, Any],
        authorization: Annotated[str, Header()] = "",
        idempotency_key: Annotated[str, Header()] = "",
    ) -> Response:
        if authorization != f"Bearer {TOKEN}":
            return JSONResponse({"error": "who are you"}, 401)
        found.asked.append(idempotency_key)
        if not isinstance(body.get("amount"), int | float):
            return JSONResponse({"error": "amount", "sent": authorization}, 422)
        if body.get("customer") == "nobody":
            return JSONResponse({"error": "unknown customer", "sent": authorization}, 404)
        order = found.by_key.get(idempotency_key)
        if order is None:
            order = {"number": f"O-{len(found.orders) + 1}", **body}
            found.orders.append(order)
            found.by_key[idempotency_key] = order
        if found.faults:
            return Response(status_code=found.faults.pop(0))
        return JSONResponse(order, 201)

    with listening(app) as url:
        found.url = url
        yield found
