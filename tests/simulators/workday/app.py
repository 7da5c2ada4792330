"""The simulated tenant over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.simulators.workday.door import Door, faulty, refused
from tests.simulators.workday.tenant import Report, Tenant

ROOT = "/ccx/service/customreport2/{tenant}/{owner}/{name}"


def create_app(tenant: Tenant, door: Door) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.post("/ccx/oauth2/{name}/token")
    async def token(request: Request, name: str) -> Response:
        door.asked.append(f"POST {request.url.path}")
        if name != tenant.name:
            return _problem(404, "tenant not found")
        form = dict(parse_qsl((await request.body()).decode()))
        return door.token(form, request.headers.get("authorization", ""))

    @app.get(ROOT)
    async def run(request: Request, owner: str, name: str) -> Response:
        door.asked.append(f"GET {request.url.path}?{request.url.query}")
        fault = door.faults.pop(0) if door.faults else None
        if not door.admits(request.headers.get("authorization", "")):
            return refused()
        report = tenant.reports.get(f"{owner}/{name}")
        if report is None or request.path_params["tenant"] != tenant.name or not report.shared:
            unknown = report is None or report.shared
            return (
                _problem(404, "report not found") if unknown else _problem(403, "The task submitted is not authorized.")
            )
        given = dict(request.query_params)
        kind = given.pop("format", "simplexml")
        if words := _wrong_prompts(report, given):
            return _problem(400, f"Validation error occurred. {words}")
        whole = json.dumps(report.shown()).encode()
        if fault is not None:
            return await faulty(fault, request, whole)
        if kind != "json":
            return Response("<wd:Report_Data/>", media_type="text/xml")
        return Response(whole, media_type="application/json;charset=UTF-8")

    return app


def _problem(status: int, words: str) -> Response:
    return JSONResponse({"error": words}, status)


def _wrong_prompts(report: Report, given: Mapping[str, str]) -> str:
    """What is wrong with the prompts; empty: nothing."""
    for prompt, needed in report.prompts.items():
        if needed and not given.get(prompt):
            return f"Report parameter {prompt.replace('_', ' ')} is required."
    unknown = sorted(given.keys() - report.prompts.keys())
    return f"Invalid parameter {unknown[0]}." if unknown else ""
