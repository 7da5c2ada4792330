"""The signed trail: who did what when, and what they saw. HMAC-SHA256 (RFC 2104) over each row and the one before."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
"""Made once: a page signs thousands of rows anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row."""

    number: int
    node: str | None
    action: str
    actor: str
    at: datetime
    seen: Mapping[str, object]
    mac: str


def mac_of(
    secret: bytes,
    before: str,
    quota_id: str,
    number: int,
    node: str | None,
    action: str,
    actor: str,
    at: datetime,
    seen: Mapping[str, object],
) -> str:
    """The signature of a row that follows one with the signature `before` (empty: the first)."""
    content = [before, quota_id, number, node, action, actor, at.astimezone(UTC).isoformat(), dict(seen)]
    return hmac.digest(secret, _JSON.encode(content).encode(), "sha256").hex()


def broken_at(secret: bytes, quota_id: str, entries: Sequence[Entry]) -> int | None:
    """Number of the first row that is not what was written, or that one is missing before; None: all are."""
    before = ""
    for place, one in enumerate(entries, 1):
        mac = mac_of(secret, before, quota_id, place, one.node, one.action, one.actor, one.at, one.seen)
        if one.number != place or not hmac.compare_digest(mac, one.mac):
            return place
        before = one.mac
    return None
