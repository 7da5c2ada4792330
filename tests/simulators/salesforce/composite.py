"""The Composite resource: up to 25 requests in one, each with headers and an answer of its own."""

from __future__ import annotations

import json
import re

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tests.simulators.salesforce.asking import ROOT, body_of, known
from tests.simulators.salesforce.problems import Problem
from tests.simulators.salesforce.schema import Json

MOST = 25
INSIDE = "composite"
"""The client of a request inside of another one: it came in with that, and counts with it."""

_INHERITED = {"accept", "authorization", "content-type"}
_METHODS = {"GET", "POST", "PATCH", "DELETE"}


def add(app: FastAPI) -> None:
    inside = httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(INSIDE, 0)), base_url="http://inside")

    @app.post(ROOT + "/composite")
    async def composite(request: Request, version: str) -> Response:
        asked = await body_of(request, dict)
        parts = checked(asked, known(version))
        answers: list[Json] = []
        for one in parts:
            headers = {**one.get("httpHeaders", {}), "Content-Type": "application/json"}
            answer = await inside.request(
                one["method"], one["url"], headers=headers, content=json.dumps(one.get("body"))
            )
            body = answer.json() if answer.content else None
            answers.append(
                {
                    "body": body,
                    "httpHeaders": {},
                    "httpStatusCode": answer.status_code,
                    "referenceId": one["referenceId"],
                }
            )
        return JSONResponse({"compositeResponse": answers})


def checked(asked: Json, version: str) -> list[Json]:
    parts = asked.get("compositeRequest")
    if not isinstance(parts, list) or not parts or asked.get("allOrNone", False) is not False:
        raise Problem(400, "JSON_PARSER_ERROR", "compositeRequest is required; this simulator takes none as a whole")
    if len(parts) > MOST:
        raise Problem(400, "INVALID_INPUT", f"The request can't contain more than {MOST} operations")
    names = [one.get("referenceId") for one in parts if isinstance(one, dict)]
    if len(set(names)) != len(parts) or not all(re.fullmatch(r"[A-Za-z]\w{0,99}", str(one)) for one in names):
        raise Problem(400, "INVALID_INPUT", "each request needs a referenceId of its own")
    for one in parts:
        headers = one.get("httpHeaders", {})
        if one.get("method") not in _METHODS or not str(one.get("url")).startswith(
            f"/services/data/{version}/sobjects/"
        ):
            raise Problem(400, "INVALID_INPUT", "the method or the resource is not supported")
        if {name.lower() for name in headers} & _INHERITED or not all(isinstance(one, str) for one in headers.values()):
            raise Problem(400, "INVALID_HTTP_HEADER", "A header is inherited, or no text")
    return parts
