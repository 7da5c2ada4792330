"""The simulated system over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from tests.simulators.sap.door import COOKIE, LATE_SECONDS, Door, faulty
from tests.simulators.sap.problems import Problem
from tests.simulators.sap.service import Service
from tests.simulators.sap.system import System

SERVICE = "/sap/opu/odata/sap/API_BUSINESS_PARTNER"
ORDERS = "/sap/opu/odata/sap/API_SALES_ORDER_SRV"
TOKEN = "/sap/bc/sec/oauth2/token"
METHODS = ["GET", "HEAD", "POST", "PATCH", "MERGE", "PUT", "DELETE"]


def create_app(system: System, door: Door, services: Mapping[str, Service]) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.post(TOKEN)
    async def token(request: Request) -> Response:
        door.asked.append(f"POST {TOKEN}")
        door.sent.append(dict(request.headers))
        given = door.token(request.headers, dict(parse_qsl((await request.body()).decode())))
        return JSONResponse(given or {"error": "invalid_client"}, 200 if given else 401)

    @app.api_route("/sap/opu/odata/sap/{name}", methods=METHODS)
    @app.api_route("/sap/opu/odata/sap/{name}/{path:path}", methods=METHODS)
    async def anything(request: Request, name: str) -> Response:
        root = f"/sap/opu/odata/sap/{name}"
        if root not in services:
            return HTMLResponse("<html>No service found</html>", 404)
        # The path as it came: within a key %2F is no slash.
        path = request.scope["raw_path"].decode().partition("?")[0].removeprefix(root).lstrip("/")
        door.asked.append(f"{request.method} {path}")
        door.sent.append(dict(request.headers))
        headers, fetches = request.headers, request.headers.get("x-csrf-token", "").lower() == "fetch"
        body = await request.body()
        fault = door.fault(request.method, path, headers)
        if fault == "session":
            door.sessions.clear()
        elif fault not in {None, "lost", "late"}:
            return await faulty(fault)
        if not door.known(headers):
            return HTMLResponse("<html>Logon failed</html>", 401, {"WWW-Authenticate": 'Basic realm="SAP"'})
        session, new = door.session(headers)
        if request.method not in {"GET", "HEAD"} and not door.csrf(session, headers, new=new):
            response: Response = PlainTextResponse("CSRF token validation failed", 403, {"x-csrf-token": "Required"})
        else:
            if fault == "late":
                await asyncio.sleep(LATE_SECONDS)  # whether somebody still listens or not
            response = answered(services[root], request, path, body)
        if fault == "lost":
            return await faulty(fault)
        if fetches:
            response.headers["x-csrf-token"] = str(door.sessions[session][0])
        if new:
            response.headers.append("set-cookie", "sap-usercontext=sap-client=100; path=/")
            response.headers.append("set-cookie", f"{COOKIE}={session}; path=/; HttpOnly")
        return response

    def batched(service: Service, request: Request, body: bytes) -> Response:
        try:
            kind, content = service.batch(request.headers.get("content-type", ""), body)
        except Problem as problem:
            return JSONResponse(problem.body, problem.status)
        return Response(content, 202, headers={"Content-Type": kind})

    def answered(service: Service, request: Request, path: str, body: bytes) -> Response:
        if path == "":
            return JSONResponse({"d": {"EntitySets": service.sets}})
        if path == "$metadata":
            described = system.order_metadata if service is services.get(ORDERS) else system.metadata
            return Response(described, media_type="application/xml")
        if path == "$batch":
            return batched(service, request, body)
        reply = service.answer(request.method, path, request.url.query, request.headers, body)
        if reply.body is None:
            return Response(status_code=reply.status, headers=reply.headers)
        if isinstance(reply.body, int):
            return PlainTextResponse(str(reply.body))
        return JSONResponse(reply.body, reply.status, reply.headers)

    return app
