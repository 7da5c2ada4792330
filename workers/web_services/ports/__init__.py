"""What requests of diagrams need from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from workers.runtime.errors import BusinessError
from workers.runtime.work import Work
from workers.web_services.domain.request import Answer, Request, SoapCall, SoapFault


class StatusCaught(BusinessError):
    """The other side answered with a status or fault that the diagram gave a code of its own; the boundary event gets
    `response`.
    """

    code = "http_error"

    def __init__(self, code: str, message: str, response: object) -> None:
        super().__init__(message, variables={"response": response}, thrown=code)


class Web(Protocol):
    """Other systems over HTTP."""

    async def ask(self, request: Request, *, caught: frozenset[int]) -> Answer:
        """The answer, if it is a success or its status is `caught`.

        Raises:
            RateLimited: it said when to come back.
            TransientError: it is away, or may answer the next time. It may have done what it was asked.
            PermanentError: it refuses, the answer can't be a variable, or the request can't be made.
        """
        ...


class SoapServices(Protocol):
    """SOAP services that the settings name."""

    async def call(self, call: SoapCall) -> object | SoapFault:
        """What the operation returns, as JSON, or its fault.

        Raises:
            RateLimited, TransientError: as `Web.ask` does.
            PermanentError: the service or operation is unknown, the values do not fit it, or it refuses us.
        """
        ...


@dataclass(frozen=True, slots=True)
class WebServicesPorts:
    """What every task of this context gets as its second argument."""

    web: Web
    soap: SoapServices
    work: Work
