"""Signatures of webhooks: HubSpot's version 3, and Standard Webhooks in both directions.

HubSpot: https://developers.hubspot.com/docs/api/webhooks/validating-requests; Standard Webhooks:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. Both are an HMAC-SHA256 over
what was sent and when. Several secrets may hold at once, so that one can be replaced without a gap.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

MAX_AGE_SECONDS: Final = 300
"""How far a request's time may be from ours, either way; both documents name it."""

_PREFIX = "whsec_"
_VERSION = "v1,"
_LONGEST_ID = 200

# The characters that HubSpot decodes in the URI before it signs; all others stay as they were sent.
_DECODED = {f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"}


class Untrusted(Exception):
    """The request is not known to come from who it says; nothing of it may be used."""


class Forged(Untrusted):
    """There is no signature, or none that fits what was sent."""


class Stale(Untrusted):
    """It was signed too long ago, or in the future: most likely somebody sends again what was sent before."""


class UnusableSecret(ValueError):
    """A secret of Standard Webhooks is ``whsec_`` and base64 of 24 to 64 bytes."""


def hubspot_signature(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """The value of ``X-HubSpot-Signature-v3``.

    `uri` is the whole address as HubSpot calls it, with the query; `timestamp` is milliseconds since 1970, as sent.
    """
    signed = f"{method}{_decoded(uri)}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, sha256)).decode()


def verify_hubspot(
    secrets: Iterable[str], method: str, uri: str, body: bytes, headers: Mapping[str, str], *, now: float
) -> None:
    """Make sure that HubSpot sent this; `headers` by names in lower case, `now` in seconds since 1970.

    Raises:
        Forged: a header is missing, or the signature does not fit.
        Stale: the signed time is more than `MAX_AGE_SECONDS` from now.
    """
    timestamp = headers.get("x-hubspot-request-timestamp", "")
    given = headers.get("x-hubspot-signature-v3", "")
    expected = [hubspot_signature(secret, method, uri, body, timestamp) for secret in secrets]
    _check([given], expected, timestamp, units_per_second=1_000, now=now)


def standard_key(secret: str) -> bytes:
    """The bytes that a secret of Standard Webhooks stands for.

    Raises:
        UnusableSecret: it is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise UnusableSecret(str(UnusableSecret.__doc__)) from None
    if not 24 <= len(key) <= 64:
        raise UnusableSecret(str(UnusableSecret.__doc__))
    return key


def standard_headers(secrets: Iterable[str], message_id: str, body: bytes, *, at: int) -> dict[str, str]:
    """The three headers to send a webhook with; `at` is seconds since 1970.

    Raises:
        UnusableSecret: one of the secrets is none.
    """
    signatures = _standard_signatures(secrets, message_id, str(at), body)
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": " ".join(signatures)}


def verify_standard(secrets: Iterable[str], body: bytes, headers: Mapping[str, str], *, now: float) -> str:
    """Make sure that somebody with one of the secrets sent this; the message's id, the same for each repeat.

    `headers` by names in lower case, `now` in seconds since 1970.

    Raises:
        Forged: a header is missing, or no signature fits.
        Stale: the signed time is more than `MAX_AGE_SECONDS` from now.
        UnusableSecret: one of the secrets is none.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or len(message_id) > _LONGEST_ID or not message_id.isprintable():
        raise Forged(f"The header webhook-id must have 1 to {_LONGEST_ID} printable characters.")
    expected = _standard_signatures(secrets, message_id, timestamp, body)
    _check(headers.get("webhook-signature", "").split(), expected, timestamp, units_per_second=1, now=now)
    return message_id


def _standard_signatures(secrets: Iterable[str], message_id: str, timestamp: str, body: bytes) -> list[str]:
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(standard_key(secret), signed, sha256) for secret in secrets]
    return [_VERSION + base64.b64encode(digest).decode() for digest in digests]


def _check(given: list[str], expected: list[str], timestamp: str, *, units_per_second: int, now: float) -> None:
    """The signature first: what a stranger says of the time is nothing worth."""
    pairs = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected]
    if not any(pairs):
        raise Forged("The signature does not fit what was sent.")
    if not timestamp.isascii() or not timestamp.isdecimal():
        raise Forged("The time of sending is no whole number.")
    if abs(now - int(timestamp) / units_per_second) > MAX_AGE_SECONDS:
        raise Stale(f"It was signed more than {MAX_AGE_SECONDS} s from now.")


def _decoded(uri: str) -> str:
    for encoded, character in _DECODED.items():
        uri = uri.replace(encoded, character).replace(encoded.lower(), character)
    return uri
