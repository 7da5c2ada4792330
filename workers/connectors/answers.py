"""What any system's answers become: JSON, no usable answer, a pause, a refusal, a conflict.

Each connector says in its own `answers` which of its answers is which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from workers.runtime.errors import PermanentError, TransientError

Json = dict[str, Any]  # Any: JSON

REFUSED_SECONDS = 60.0
"""A log-in that is refused concerns all requests; somebody has to give another one."""

DAILY_SECONDS = 900.0
"""When the requests of a day are used up, and nothing says when there will be some: asked again after so long."""

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""What may be shown of an answer: codes, and names of fields and rights. Never its own words: they repeat the values."""


REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Of U+0000, and of half of a surrogate pair: PostgreSQL and gRPC take neither."""
_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\x00|\xed[\xa0-\xbf]")
"""How they come in JSON; whole pairs are found too, and stay."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    """By names in any case."""
    content: bytes
    pause: float | None = None
    """Seconds that Retry-After asks for."""
    cookies: tuple[str, ...] = ()
    """Each Set-Cookie, as it came."""

    @property
    def form(self) -> str:
        """For messages: the status, and what kind of content came."""
        kind = self.headers.get("content-type", "nothing").partition(";")[0][:50]
        return f"status {self.status}, {kind}"


class SystemDown(TransientError):
    """The system gave no usable answer; it is asked again."""

    runbook = "crm-away"


class SystemPause(Exception):
    """The system is not to be asked for a while."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds."""


class SystemRefused(PermanentError):
    """The system does not take a request as it is; the message says what to mend."""


class SystemConflict(TransientError):
    """The record is another one by now, or somebody else has it in hand; read again it can be written."""

    runbook = "crm-away"


@runtime_checkable
class Fault(Protocol):
    """Why a record, of those of one request, was not written."""

    @property
    def meanwhile(self) -> bool:
        """Whether somebody changed it since it was read."""
        ...

    def raised(self, what: str) -> Exception:
        """The exception that this fault is for who has only this record."""
        ...


def parsed(content: bytes) -> object:
    """The JSON of an answer; None: it is none. Characters that no database can hold are replaced by `REPLACEMENT`."""
    try:
        found: object = json.loads(content)
        return _storable(found) if _UNSTORABLE.search(content) else found
    except (ValueError, RecursionError):
        return None


def _storable(found: object) -> object:
    match found:
        case str():
            return _NO_CHARACTER.sub(REPLACEMENT, found)
        case list():
            return [_storable(one) for one in found]
        case dict():
            return {_storable(name): _storable(value) for name, value in found.items()}
    return found


def code_in(found: object) -> str:
    """The code of an error, if it may be shown; else UNKNOWN."""
    return found if isinstance(found, str) and NAME.fullmatch(found) else "UNKNOWN"


def names_in(found: Iterable[str]) -> tuple[str, ...]:
    """The names of fields and rights that may be shown, each once."""
    return tuple(dict.fromkeys(name for name in found if NAME.fullmatch(name)))


def dicts(found: object) -> list[Json]:
    """The objects in what should be a list of objects."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
