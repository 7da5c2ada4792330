"""Every refusal of the gateway as a problem detail (RFC 9457), media type ``application/problem+json``."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg import OperationalError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:problem-type:fairlead:"

log = structlog.get_logger()


class Fault(BaseModel):
    """One thing that is wrong with a document, and where (RFC 9457, section 3)."""

    pointer: str = Field(description="JSON pointer into the document, or the name of a parameter or header.")
    detail: str


class Problem(BaseModel):
    """A problem detail (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", description="Names the kind of problem; stable, to be compared.")
    title: str
    status: int
    detail: str = ""
    errors: list[Fault] | None = Field(default=None, description="What exactly is wrong, field by field.")


class Refusal(Exception):
    """A request is answered with a problem detail.

    `kind` becomes the last part of the problem's type; None means ``about:blank``, a problem that its status explains.
    `extensions` become further members of the problem.
    """

    def __init__(
        self,
        status: int,
        kind: str | None,
        detail: str,
        *,
        errors: list[Fault] | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(detail)
        self.headers = dict(headers or {})
        self.problem = Problem(
            type=PREFIX + kind if kind else "about:blank",
            title=HTTPStatus(status).phrase if kind is None else kind.replace("-", " ").capitalize(),
            status=status,
            detail=detail,
            errors=errors,
            **extensions,
        )

    def response(self) -> Response:
        """The answer."""
        return Response(
            self.problem.model_dump_json(exclude_none=True), self.problem.status, self.headers, media_type=MEDIA_TYPE
        )


AsPage = Callable[[Request, Refusal], Response | None]


def invalid(where: str, what: str) -> Refusal:
    """422: one parameter is at fault."""
    return Refusal(422, "invalid-request", "See errors.", errors=[Fault(pointer=where, detail=what)])


def busy(kind: str, detail: str, *, status: int, retry_after: float) -> Refusal:
    """A refusal for now: the client may come back after `retry_after` seconds (rounded up)."""
    return Refusal(status, kind, detail, headers={"Retry-After": str(max(1, -int(-retry_after // 1)))})


def install(app: FastAPI, routes: Collection[str], page: AsPage) -> None:
    """Make the app answer every error, the framework's own too, with a problem detail; `routes` are its own, as ``GET /x``.

    `page` gives the answer for a person before a browser, and None for a program.
    """

    def answer(request: Request, refusal: Refusal) -> Response:
        return page(request, refusal) or refusal.response()

    @app.exception_handler(Refusal)
    async def _refused(request: Request, error: Refusal) -> Response:
        return answer(request, error)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = _allowed(request, routes) if error.status_code == 405 else error.headers
        detail = _explain(request, error.status_code, error.detail)
        return answer(request, Refusal(error.status_code, None, detail, headers=headers))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [_fault(item) for item in error.errors()]
        detail = "The request doesn't have the form that the API describes; see errors."
        return answer(request, Refusal(422, "invalid-request", detail, errors=faults))

    @app.exception_handler(OperationalError)
    async def _database(request: Request, error: OperationalError) -> Response:
        log.warning("database unavailable", action="gateway_database_unavailable", kind=type(error).__name__)
        detail = "The database can't serve this at the moment. Nothing was changed; send it again later."
        return answer(request, busy("database-unavailable", detail, status=503, retry_after=5))

    @app.exception_handler(Exception)
    async def _defect(request: Request, error: Exception) -> Response:
        number = uuid.uuid4().hex
        log.error(
            "request failed", action="gateway_defect", defect=number, path=request.scope.get("path"), exc_info=error
        )
        detail = f"This is a defect in Fairlead. Report it with the number {number}; the log holds more under it."
        return answer(request, Refusal(500, None, detail, defect=number))


def _allowed(request: Request, routes: Collection[str]) -> dict[str, str]:
    """All methods of the address that was found; the framework names those of its first route alone."""
    path = getattr(request.scope.get("route"), "path", None)
    return {
        "Allow": ", ".join(
            sorted(method for method, _, other in (one.partition(" ") for one in routes) if other == path)
        )
    }


def _explain(request: Request, status: int, detail: str) -> str:
    match status:
        case 404:
            return "There is nothing at this address; /openapi.json lists what there is."
        case 405:
            return f"This address doesn't take {request.method}; the header Allow names what it takes."
        case _:
            return detail


def _fault(item: Mapping[str, Any]) -> Fault:  # Any: pydantic's own form
    where, *path = item["loc"]
    name = ".".join(map(str, path))
    return Fault(pointer=f"{where} {name}".strip(), detail=str(item["msg"]))
