"""Some other system that takes orders by REST and SOAP: a bearer token, repeats known by Idempotency-Key, faults."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from lxml import etree

from tests.simulators.serving import listening

TOKEN = "an-orders-token"
WSDL = Path(__file__).with_name("orders.wsdl")
_ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:o="urn:orders"><s:Body>%s</s:Body></s:Envelope>'
_FAULT = "<s:Fault><faultcode>s:%s</faultcode><faultstring>%s</faultstring><detail>%s</detail></s:Fault>"


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

    @app.post("/soap")
    async def soap(request: Request) -> Response:
        """Strict to orders.wsdl: the action, the envelope, the elements and their order."""

        def answer(body: str, status: int = 200) -> Response:
            return Response(_ENVELOPE % body, status, media_type="text/xml")

        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response(status_code=401)
        found.asked.append(request.headers.get("idempotency-key", ""))
        if found.faults:
            return Response("<html>Busy</html>", found.faults.pop(0))
        envelope = etree.fromstring(await request.body())
        [given] = envelope.findall("{http://schemas.xmlsoap.org/soap/envelope/}Body/{urn:orders}PlaceOrder")
        names = [etree.QName(one).localname for one in given]
        fits = request.headers["soapaction"] == '"urn:orders/PlaceOrder"' and names[:2] == ["customer", "amount"]
        if not fits or not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", given[1].text or ""):
            return answer(_FAULT % ("Client", "Not by the WSDL", ""), 500)
        customer, amount = given[0].text, given[1].text
        if customer == "nobody":
            return answer(_FAULT % ("Client", f"We know no {customer}, {TOKEN}", "<o:UnknownCustomer/>"), 500)
        if customer == "busy":
            return answer(_FAULT % ("Server", "Later", ""), 500)
        found.orders.append({"customer": customer, "amount": amount, "lines": len(names) - 2})
        number = f"S-{len(found.orders)}"
        told = f"<o:number>{number}</o:number><o:total>{amount}</o:total><o:due>2026-12-24</o:due>"
        return answer(f"<o:PlaceOrderResponse>{told}</o:PlaceOrderResponse>")

    with listening(app) as url:
        found.url = url
        yield found
