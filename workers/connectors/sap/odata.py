"""OData v2: literals and keys in addresses, dates, and batches of changes that are made all or not at all.

https://www.odata.org/documentation/odata-version-2-0/, its parts URI conventions, JSON format and batch processing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Literal
from urllib.parse import quote

import httpx

from workers.connectors.answers import Answer, Json, dicts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{1,4})?\)/")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b[^\r\n]*")


def text(value: str) -> str:
    """A text as a literal of `$filter` or a key."""
    return "'" + value.replace("'", "''") + "'"


def key(entity_set: str, **parts: str) -> str:
    """The address of an entity below the service; `parts` are the properties of its key, all of them texts."""
    literals = {name: quote(text(value), safe="'") for name, value in parts.items()}
    inside = ",".join(f"{name}={value}" for name, value in literals.items())
    return f"{entity_set}({next(iter(literals.values())) if len(literals) == 1 else inside})"


def moment(value: object) -> datetime | None:
    """What ``/Date(1479945600000+0000)/`` stands for, milliseconds since 1970 by UTC; None: it is no date."""
    said = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return _EPOCH + timedelta(milliseconds=int(said[1])) if said else None
    except OverflowError:
        return None


def children(entity: Json, name: str) -> list[Json]:
    """The entities that were asked for together with this one by `$expand`."""
    found = entity.get(name)
    return dicts(found.get("results")) if isinstance(found, dict) else dicts(found)


def etag(entity: Json) -> str | None:
    """Which version of an entity was read."""
    told = entity.get("__metadata")
    found = told.get("etag") if isinstance(told, dict) else None
    return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class Change:
    """One request of a change set."""

    method: Literal["POST", "PATCH"]
    path: str
    """Below the service."""
    values: Json
    etag: str | None = None
    """With PATCH: the version that was read, and must still be there."""


def batch(changes: Sequence[Change], name: str) -> tuple[str, bytes]:
    """The content type and the body of a batch with one change set; `name` must not occur in what is sent."""
    inner: list[str] = []
    for number, change in enumerate(changes, 1):
        body = json.dumps(change.values)  # all of it ASCII
        inner += [
            f"--changeset_{name}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            f"Content-ID: {number}",
            "",
            f"{change.method} {change.path} HTTP/1.1",
            "Content-Type: application/json",
            "Accept: application/json",
            *([f"If-Match: {change.etag}"] if change.etag else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
    lines = [
        f"--batch_{name}",
        f"Content-Type: multipart/mixed; boundary=changeset_{name}",
        "",
        *inner,
        f"--changeset_{name}--",
        f"--batch_{name}--",
        "",
    ]
    return f"multipart/mixed; boundary=batch_{name}", "\r\n".join(lines).encode()


def unbatched(answer: Answer) -> list[Answer]:
    """The answers in the answer to a batch, in their order; empty: it is none. A change set that failed has one only."""
    kind = answer.headers.get("content-type", "")
    message = message_from_bytes(b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n" + answer.content)
    found: list[Answer] = []
    for part in message.walk():
        payload = part.get_payload(decode=True) if part.get_content_type() == "application/http" else None
        if not isinstance(payload, bytes):
            continue
        head, _, body = payload.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n\n")
        first, _, lines = head.partition(b"\n")
        said = _STATUS.match(first)
        if said is None:
            return []
        pairs = (line.partition(b":") for line in lines.split(b"\n") if b":" in line)
        headers = httpx.Headers([(name.strip(), value.strip()) for name, _, value in pairs])
        found.append(Answer(int(said[1]), headers, body.strip()))
    return found
