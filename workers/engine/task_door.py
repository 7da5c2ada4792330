"""Lets the local Tasklist claim and complete tasks.

In Camunda 8.6's single process, Tasklist sends what people do to the REST API of the same process, without a log-in,
and that API refuses it (401) as soon as people must log in: "Assign to me" fails. (From 8.7 on Tasklist speaks to the
engine inside the process.) So Tasklist is told that the API is here, and this door passes commands on user tasks, and
nothing else, to the real one with the log-in of our settings. It listens on loopback only and gives nothing away: the
engine's gRPC port beside it takes every command without a log-in. Who claimed a task stands in Tasklist's command.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from workers.engine.errors import UnreachableError
from workers.engine.rest import CamundaRest
from workers.settings import Settings


def application(settings: Settings) -> FastAPI:
    """The door as an ASGI application."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with CamundaRest(settings) as camunda:
            app.state.camunda = camunda
            yield

    app = FastAPI(lifespan=life, openapi_url=None)

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        return JSONResponse({"status": "ready"})

    @app.api_route("/v2/user-tasks/{command:path}", methods=["POST", "PATCH", "DELETE"])
    async def pass_on(command: str, request: Request) -> Response:
        camunda: CamundaRest = app.state.camunda
        path = f"/v2/user-tasks/{command}"
        try:
            answer = await camunda.pass_on(request.method, path, await request.body())
        except UnreachableError as error:
            problem = {"type": "about:blank", "title": "Engine unavailable", "status": 503, "detail": str(error)}
            return JSONResponse(problem, 503, media_type="application/problem+json")
        kind = answer.headers.get("Content-Type")
        return Response(answer.content, answer.status_code, {"Content-Type": kind} if kind else None)

    return app


def serve(settings: Settings) -> None:
    """Serve the door on loopback until SIGTERM."""
    import uvicorn  # noqa: PLC0415 - only this process serves

    uvicorn.run(
        application(settings), host="127.0.0.1", port=settings.ports.task_door, log_level="warning", access_log=False
    )


if __name__ == "__main__":
    serve(Settings())
