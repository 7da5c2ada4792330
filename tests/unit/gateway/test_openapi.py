"""The API keeps what its description says, whatever is sent: schemathesis over every operation of /v1, on a real database.

Valid and invalid requests are made of the description itself, always the same ones (`SEED`), and sent over HTTP. Held against
the description: no 5xx, statuses, media types, answers' schemas; invalid data are refused, so are other methods (405) and
requests without a token (401).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest.mock import AsyncMock
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from limits import RateLimitItemPerSecond
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr
from requests.auth import AuthBase
from starlette.types import Receive, Scope, Send

from tests.simulators.serving import listening
from tests.unit.control_room.town import read_town
from tests.unit.gateway import test_gateway_forecasts as forecasts
from tests.unit.gateway import test_gateway_prioritisations as rankings
from tests.unit.gateway import test_gateway_quotas as quotas
from tests.unit.gateway import test_gateway_territories as territories
from tests.unit.gateway.helpers import Board
from workers.connectors import webhooks
from workers.gateway import guard, routes_what_if
from workers.gateway.app import create_app
from workers.runtime import logs
from workers.runtime.database import Pool, open_pool
from workers.settings import Gateway, HubSpot, Settings, Webhooks
from workers.what_if.errors import Refused

SEED, EXAMPLES = 1, 6
TOKEN = "a token that nobody guesses"
APP_SECRET, WHSEC = "secret of an app", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLIC = "https://sales.example.com"
KNOWN: Mapping[str, Mapping[str, str]] = {
    "/v1/leads": {"lead_id": "lead-00001"},
    "/v1/forecasts": {
        "version": "a.1",
        "before": "a.1",
        "after": "bb.1",
        "forecast_id": "open",
        "organisation": "shops",
    },
    "/v1/reviews": {"forecast_id": "a"},
    "/v1/organisations": {"organisation": "shops"},
    "/v1/quotas": {"quota_id": "q", "organisation": "field"},
    "/v1/quota-versions": {"version": "p.1", "organisation": "field"},
    "/v1/alignments": {"alignment_id": "b", "organisation": "north"},
    "/v1/territories": {"version": "a.1", "organisation": "north"},
    "/v1/follow-ups": {"follow_up_id": "f", "rep": "ana"},
    "/v1/prioritisations": {"prioritisation_id": "r", "rep": "ana"},
    "/v1/webhooks": {"source": "partner"},
}
"""What there is to be found, by the beginning of the path: without it everything would be a 404."""


async def furnish(pool: Pool) -> None:
    """Something of each kind."""
    await read_town(pool, 6)
    await forecasts.found(pool)
    for name in ("a", "bb"):
        await forecasts.publish(pool, name)
    await quotas.found(pool)
    await quotas.review(pool, "q")
    await quotas.publish(pool, "p")
    await territories.found(pool)
    await rankings.found(pool)
    await rankings.rank(pool, "r", "open")
    await forecasts.sql(
        pool,
        "INSERT INTO selling.follow_ups (follow_up_id, subject_kind, subject_id, rep_id, contact, channel, promised_for,"
        " due_at, opened_at) VALUES ('f', 'lead', 'x', 'ana', 'Eva', 'call', now(), now(), now())",
    )


class Served:
    """The gateway's app, with its pool in the event loop of who serves it."""

    def __init__(self, dsn: str, settings: Settings) -> None:
        self._dsn, self._settings = dsn, settings
        self._app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            pool = await open_pool(self._dsn, max_size=5)
            await furnish(pool)
            self._app = create_app(self._settings, pool, Board())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            assert self._app is not None
            await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def address(copy_database: Callable[[str], Iterator[str]], template_database: str) -> Iterator[str]:
    """Where a gateway listens."""
    copying = copy_database(template_database)
    dsn = next(copying)
    logs.configure(Settings())
    settings = Settings(
        gateway=Gateway.model_validate({"api_tokens": [TOKEN], "rate_per_second": 100_000, "public_url": PUBLIC}),
        webhooks=Webhooks(secrets={"partner": [SecretStr(WHSEC)]}),
        hubspot=HubSpot(access_token=SecretStr("pat"), client_secret=SecretStr(APP_SECRET)),
    )

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(guard, "WRONG_TOKENS", RateLimitItemPerSecond(100_000))
        # Each replay is a process of its own; tests/unit/what_if has it.
        patched.setattr(routes_what_if, "ask", AsyncMock(side_effect=Refused("This is no table.")))
        with listening(Served(dsn, settings), lifespan="on") as url:
            yield url
    next(copying, None)


def described() -> dict[str, Any]:
    """The description, as far as it is the API's."""
    found: dict[str, Any] = create_app(Settings(), AsyncConnectionPool(open=False), Board()).openapi()
    found["paths"] = {path: item for path, item in found["paths"].items() if path.startswith("/v1/")}
    for path, item in found["paths"].items():
        names = next((names for start, names in KNOWN.items() if path.startswith(start)), {})
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in names:
                    parameter["example"] = names[parameter["name"]]
    return found


api = schemathesis.openapi.from_dict(
    described(),
    config=schemathesis.Config.from_dict(
        {
            "seed": SEED,
            "generation": {"mode": "all", "max-examples": EXAMPLES, "no-shrink": True},
            "checks": {
                # A request that is right in form may still be about nothing, or come too late.
                "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422"]},
                "negative_data_rejection": {"expected-statuses": ["400", "401", "404", "405", "413", "415", "422"]},
            },
        }
    ),
)


class Signing(AuthBase):
    """Signs what goes to the webhooks, as their senders do; all else has a token."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        parts, body = urlsplit(str(request.url)), request.body or b""
        content = body if isinstance(body, bytes) else str(body).encode()
        if parts.path.endswith("/hubspot"):
            at = str(int(time.time() * 1000))
            uri = PUBLIC + parts.path + (f"?{parts.query}" if parts.query else "")
            signature = webhooks.hubspot_signature(APP_SECRET, str(request.method), uri, content, at)
            request.headers.update({"X-HubSpot-Request-Timestamp": at, "X-HubSpot-Signature-v3": signature})
        else:
            message_id = f"msg_{time.time_ns()}"
            request.headers.update(webhooks.standard_headers([WHSEC], message_id, content, at=int(time.time())))
        return request


def operation_test(path: str, method: str) -> Callable[..., None]:
    """A test of one operation. Each has a name of its own, by which pytest-xdist can tell it from the others."""

    def keeps_its_word(case: Any, address: str) -> None:
        if path.startswith("/v1/webhooks"):
            case.call_and_validate(base_url=address, auth=Signing())
        else:
            case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"})

    made: Callable[..., None] = api.include(path=path, method=method.upper()).parametrize()(keeps_its_word)
    return made


for _path, _item in api.raw_schema["paths"].items():
    for _method in _item:
        globals()[f"test_{_method}_{re.sub('[^a-z]+', '_', _path).strip('_')}"] = operation_test(_path, _method)
