"""Ask another system by SOAP, as its WSDL and the diagram describe it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.task import Contract, task
from workers.web_services.domain.request import Authentication, Request, SoapCall, SoapFault, idempotency_header
from workers.web_services.ports import StatusCaught, WebServicesPorts


class SoapRequestInput(Contract):
    """An operation of a service that the settings name. The secret is named, `{{secrets.NAME}}`."""

    case_id: str = Field(min_length=1)
    """Whose request it is, the business id: it is made once for each case and element."""
    soap_service: str = Field(min_length=1)
    """The service's name in FAIRLEAD_WEB_SERVICES__SOAP."""
    soap_operation: str = Field(min_length=1)
    """The operation, as the WSDL names it."""
    soap_body: dict[str, Any] | None = None
    """Its values by their names, ={customer: customer, amount: amount}."""
    request_auth: Authentication = "none"
    """How we log in: by user and password, a bearer token, or an API key in a header."""
    auth_secret: str | None = None
    """The password, token or key by its name: {{secrets.NAME}}."""
    auth_username: str | None = None
    """With basic."""
    auth_header: str | None = None
    """With api_key: the header that takes it, X-API-Key unless said."""
    error_codes: dict[str, str] | None = None
    """For a fault's name the BPMN error that it is, ={"UnknownCustomer": "customer_unknown", "*": "order_refused"}."""
    idempotency_header: str | None = "Idempotency-Key"
    """The header by which the other side knows a repeat; none: it is not sent."""
    request_timeout_seconds: float = Field(default=10.0, ge=1, le=25)
    """How long an answer may take."""
    request_round: str = ""
    """Where the element is passed more than once in a case: what tells the rounds apart."""


class SoapResponse(BaseModel):
    """What came back."""

    model_config = ConfigDict(frozen=True)

    body: Any
    """What the operation returns."""


class SoapRequestOutput(Contract):
    """The answer."""

    response: SoapResponse = Field(json_schema_extra={"x-mapped": True})
    """Its body."""


@task(business_id="case_id", effect="once", loop="request_round", errors=(StatusCaught,), timeout_seconds=30.0)
async def soap_request(given: SoapRequestInput, ports: WebServicesPorts) -> SoapRequestOutput:
    """Call the operation, and keep the answer with the effect; see `http_request` for what once means here."""
    found = await ports.soap.call(_call(given, ports.work.job.element_id))
    if isinstance(found, SoapFault):
        raise _raised(found, given)
    return SoapRequestOutput(response=SoapResponse(body=found))


def _raised(fault: SoapFault, given: SoapRequestInput) -> Exception:
    codes = given.error_codes or {}
    name = next((one for one in (*fault.names, "*") if codes.get(one)), None)
    if name is not None:
        response = {"fault": fault.names[0], "message": fault.message}
        return StatusCaught(codes[name], f"SOAP fault {fault.names[0]}", response)
    said = f"{given.soap_service} answers {given.soap_operation} with the fault {', '.join(fault.names)}"
    if fault.theirs:
        return TransientError(f"{said}.")
    return PermanentError(
        f"{said}. Correct the values, or give it a BPMN error in error_codes, then retry this incident."
    )


def _call(given: SoapRequestInput, element_id: str) -> SoapCall:
    request = Request(
        method="POST",
        url="",
        headers=idempotency_header(given.idempotency_header, given.case_id, element_id, given.request_round),
        query={},
        body=None,
        authentication=given.request_auth,
        auth_secret=given.auth_secret or "",
        auth_username=given.auth_username or "",
        auth_header=given.auth_header or "",
        seconds=given.request_timeout_seconds,
    )
    return SoapCall(given.soap_service, given.soap_operation, given.soap_body or {}, request)
