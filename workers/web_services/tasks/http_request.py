"""Ask another system over HTTP (REST), as the diagram describes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.runtime.errors import PermanentError
from workers.runtime.task import Contract, task
from workers.web_services.domain.request import Authentication, Request, WrongRequest, codes_of, idempotency_header
from workers.web_services.ports import StatusCaught, WebServicesPorts


class HttpRequestInput(Contract):
    """A request. Secrets are named, `{{secrets.NAME}}`, in headers and `auth_secret`; the settings have them."""

    case_id: str = Field(min_length=1)
    """Whose request it is, the business id: it is made once for each case and element."""
    request_method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    request_url: str = Field(min_length=1)
    """https://…"""
    request_headers: dict[str, str] | None = None
    """By their names; a value may hold {{secrets.NAME}}."""
    request_query: dict[str, str | int | float | bool | list[str | int | float | bool] | None] | None = None
    """Of the address, by their names."""
    request_body: Any = None
    """Sent as JSON; a text as it is."""
    request_auth: Authentication = "none"
    """How we log in: by user and password, a bearer token, or an API key in a header."""
    auth_secret: str | None = None
    """The password, token or key by its name: {{secrets.NAME}}."""
    auth_username: str | None = None
    """With basic."""
    auth_header: str | None = None
    """With api_key: the header that takes it, X-API-Key unless said."""
    error_codes: dict[str, str] | None = None
    """For a status the BPMN error that it is, ={"404": "order_unknown", "4xx": "order_refused"}."""
    idempotency_header: str | None = "Idempotency-Key"
    """The header by which the other side knows a repeat; none: it is not sent."""
    request_timeout_seconds: float = Field(default=10.0, ge=1, le=25)
    """How long an answer may take."""
    request_round: str = ""
    """Where the element is passed more than once in a case: what tells the rounds apart."""


class Response(BaseModel):
    """What came back."""

    model_config = ConfigDict(frozen=True)

    status: int
    """Of HTTP."""
    headers: dict[str, str]
    """By names in small letters."""
    body: Any
    """JSON where the answer says that it is, else text."""


class HttpRequestOutput(Contract):
    """The answer."""

    response: Response = Field(json_schema_extra={"x-mapped": True})
    """Status, headers and body."""


@task(business_id="case_id", effect="once", loop="request_round", errors=(StatusCaught,), timeout_seconds=30.0)
async def http_request(given: HttpRequestInput, ports: WebServicesPorts) -> HttpRequestOutput:
    """Ask, and keep the answer with the effect: a job that comes again gets the same one without asking.

    If the worker dies between the answer and the commit it is asked once more, with the same idempotency key.
    """
    try:
        codes = codes_of(given.error_codes or {})
    except WrongRequest as error:
        raise PermanentError(str(error)) from None
    answer = await ports.web.ask(_request(given, ports.work.job.element_id), caught=frozenset(codes))
    response = Response(status=answer.status, headers=dict(answer.headers), body=answer.body)
    if answer.status in codes:
        raise StatusCaught(codes[answer.status], f"HTTP {answer.status}", response.model_dump(mode="json"))
    return HttpRequestOutput(response=response)


def _request(given: HttpRequestInput, element_id: str) -> Request:
    headers = dict(given.request_headers or {})
    if given.request_method != "GET":
        headers |= idempotency_header(given.idempotency_header, given.case_id, element_id, given.request_round)
    return Request(
        method=given.request_method,
        url=given.request_url,
        headers=headers,
        query=given.request_query or {},
        body=given.request_body,
        authentication=given.request_auth,
        auth_secret=given.auth_secret or "",
        auth_username=given.auth_username or "",
        auth_header=given.auth_header or "",
        seconds=given.request_timeout_seconds,
    )
