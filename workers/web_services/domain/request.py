"""A request of another system as a diagram describes it, and the secrets that it names."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Authentication = Literal["none", "basic", "bearer", "api_key"]

API_KEY_HEADER = "X-API-Key"
"""Where an API key goes, if nothing else is said."""

_REFERENCE = re.compile(r"\{\{\s*secrets\.([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\x20-\x7e\t]{0,8000}")
_OURS = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
_CODE = re.compile(r"[1-5](?:[0-9]{2}|xx)")
_KEYS = uuid.UUID("5b1f2d39-4f35-5d0a-9c6e-7d4e0b7a9f11")


class WrongRequest(Exception):
    """The request can't be made as it is described; the message says why, and repeats no value."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What a reference stands for."""

    value: str = field(repr=False)
    hosts: frozenset[str]
    """To which it may be sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; headers and `auth_secret` may hold references to secrets."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]  # Any: text, numbers, truth values, lists of them
    body: object
    """JSON; a text is sent as it is; None: none."""
    authentication: Authentication
    auth_secret: str
    auth_username: str
    auth_header: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters."""
    body: object
    """JSON where the answer says that it is, else text; None: nothing."""


def headers_of(request: Request, host: str, secrets: Mapping[str, Secret]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The headers to send, with what the references stand for, and the secrets among them.

    Raises:
        WrongRequest: a secret is unknown, is not to be sent to that host, or stands in the diagram itself; or a header
            can't be one.
    """
    used: dict[str, str] = {}

    def known(name: str) -> str:
        if name not in secrets:
            raise WrongRequest(f"There is no secret {name}; set it in FAIRLEAD_WEB_SERVICES__SECRETS.")
        if host not in secrets[name].hosts:
            raise WrongRequest(f"The secret {name} is not to be sent to {host}; its `hosts` say to whom it is.")
        used[name] = secrets[name].value
        return secrets[name].value

    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise WrongRequest(f"{name[:50]!r} can't be a header of a request.")
        headers[name] = _REFERENCE.sub(lambda found: known(found.group(1)), value)
    headers |= _authentication(request, known)
    for name, value in headers.items():
        if not _VALUE.fullmatch(value):
            raise WrongRequest(f"The header {name} has characters that no header can have, or too many.")
    return headers, tuple(used.values())


@dataclass(frozen=True, slots=True)
class SoapCall:
    """An operation of a SOAP service; log-in and time are those of `request`, whose body comes from `values`."""

    service: str
    operation: str
    values: Mapping[str, Any]  # Any: JSON
    request: Request


@dataclass(frozen=True, slots=True)
class SoapFault:
    """That a service refused."""

    names: tuple[str, ...]
    """What it is called, the most telling first: its detail's element, its subcodes, its code."""
    message: str
    theirs: bool
    """Whether it is the service's own failure, which may go away."""


def codes_of(given: Mapping[str, str]) -> dict[int, str]:
    """For each status that ends in a BPMN error, its code; ``4xx`` stands for those that are not named themselves.

    Raises:
        WrongRequest: it names no status, or an empty code.
    """
    found: dict[int, str] = {}
    for status, code in sorted(given.items(), key=lambda one: one[0].endswith("xx"), reverse=True):
        if not _CODE.fullmatch(status) or not code:
            raise WrongRequest('The error codes have the form {"404": "order_unknown", "4xx": "order_refused"}.')
        first = int(status[0])
        found |= dict.fromkeys(range(100 * first, 100 * first + 100) if status.endswith("xx") else [int(status)], code)
    return found


def idempotency_key(case_id: str, element_id: str, round_: str) -> str:
    """The same for each repeat of a request, and no other's; it tells nothing of the case."""
    return str(uuid.uuid5(_KEYS, "\n".join((case_id, element_id, round_))))


def idempotency_header(name: str | None, case_id: str, element_id: str, round_: str) -> dict[str, str]:
    """The header that a diagram names, with the key; None, empty or "none": no header."""
    return {} if not name or name == "none" else {name: idempotency_key(case_id, element_id, round_)}


def _authentication(request: Request, known: Callable[[str], str]) -> dict[str, str]:
    if request.authentication == "none":
        return {}
    reference = _REFERENCE.fullmatch(request.auth_secret.strip())
    if reference is None:
        raise WrongRequest("Write the secret by its name, {{secrets.NAME}}: what it is does not belong into a diagram.")
    secret = known(reference.group(1))
    if request.authentication == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    if request.authentication == "basic":
        pair = base64.b64encode(f"{request.auth_username}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    name = request.auth_header or API_KEY_HEADER
    if not _NAME.fullmatch(name) or name.lower() in _OURS:
        raise WrongRequest(f"{name[:50]!r} can't be a header of a request.")
    return {name: secret}
