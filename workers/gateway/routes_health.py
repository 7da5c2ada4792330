"""``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg import Error
from pydantic import BaseModel

from workers.gateway.backlog import Waiting
from workers.gateway.parts import Parts, TheClient, TheParts
from workers.gateway.problems import Refusal

router = APIRouter(tags=["operations"])

CHECK_SECONDS = 2.0


class Part(BaseModel):
    """One thing the gateway stands on."""

    ok: bool
    note: str = ""


class Readiness(BaseModel):
    """Whether leads can be taken now."""

    ready: bool
    database: Part
    engine: Part
    outbox: Part


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> dict[str, str]:
    """It answers, so it is."""
    return {"status": "alive"}


@router.get(
    "/readyz", response_model=Readiness, summary="Can leads be taken?", responses={503: {"description": "Not now."}}
)
async def readyz(parts: TheParts) -> JSONResponse:
    """Ready when the database answers, and the engine is reachable or isn't behind (messages wait for it in the outbox)."""
    (database, outbox), engine = await asyncio.gather(_database(parts), _engine(parts.settings.zeebe_address))
    ready = database.ok and (engine.ok or outbox.ok)
    answer = Readiness(ready=ready, database=database, engine=engine, outbox=outbox)
    if not ready:
        faulty = [name for name in ("database", "engine", "outbox") if not getattr(answer, name).ok]
        detail = f"Not ready: {', '.join(faulty)}."
        raise Refusal(503, "not-ready", detail, headers={"Retry-After": "5"}, **answer.model_dump())
    return JSONResponse(answer.model_dump())


@router.get("/metrics", response_class=Response, summary="Metrics for Prometheus")
async def metrics(parts: TheParts, _client: TheClient) -> Response:
    """Metrics in Prometheus' text form; asks for a token where tokens are in use."""
    waiting = await parts.queue.waiting()
    parts.metrics.waiting.set(waiting.rows)
    parts.metrics.lag.set(waiting.lag_seconds)
    return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _database(parts: Parts) -> tuple[Part, Part]:
    unknown = Part(ok=False, note="unknown without the database")
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            waiting = await parts.queue.waiting()
    except TimeoutError:
        return Part(ok=False, note=f"no answer within {CHECK_SECONDS:g} s"), unknown
    except Error as error:
        return Part(ok=False, note=f"{type(error).__name__}; is it up, and migrated (`fairlead db upgrade`)?"), unknown
    return Part(ok=True), _outbox(waiting, parts)


def _outbox(waiting: Waiting, parts: Parts) -> Part:
    gateway = parts.settings.gateway
    ok = waiting.lag_seconds <= gateway.max_lag_seconds and waiting.rows < gateway.max_waiting
    return Part(ok=ok, note=f"{waiting.rows} messages wait for the engine, the oldest for {waiting.lag_seconds:.0f} s")


async def _engine(address: str) -> Part:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError, ValueError):
        return Part(ok=False, note=f"nothing answers at {address}")
    writer.close()
    return Part(ok=True)
