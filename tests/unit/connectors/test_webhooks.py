"""Signatures of webhooks: the vendors' own vectors, and whatever a stranger may try."""

from __future__ import annotations

import base64

import pytest

from workers.connectors import webhooks
from workers.connectors.webhooks import Forged, Stale, Untrusted, UnusableSecret

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URI = "https://www.example.com/webhook_uri"
BODY = b"{'example_field':'example_value'}"
SIGNED = {
    "x-hubspot-request-timestamp": "15000000",
    "x-hubspot-signature-v3": "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=",
}
SENT = 15_000.0

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_BODY = b'{"test": 2432232314}'
STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_hubspots_own_example() -> None:
    webhooks.verify_hubspot([SECRET], "POST", URI, BODY, SIGNED, now=SENT)


@pytest.mark.parametrize(
    ("method", "uri", "body", "headers", "secrets"),
    [
        ("GET", URI, BODY, {}, [SECRET]),
        ("POST", URI + "?x=1", BODY, {}, [SECRET]),
        ("POST", URI, BODY + b" ", {}, [SECRET]),
        ("POST", URI, BODY, {"x-hubspot-request-timestamp": "15000001"}, [SECRET]),
        ("POST", URI, BODY, {"x-hubspot-request-timestamp": ""}, [SECRET]),
        ("POST", URI, BODY, {"x-hubspot-signature-v3": ""}, [SECRET]),
        ("POST", URI, BODY, {"x-hubspot-signature-v3": "HPW7é"}, [SECRET]),
        ("POST", URI, BODY, {}, ["another"]),
        ("POST", URI, BODY, {}, []),
    ],
)
def test_whatever_was_changed_is_seen(
    method: str, uri: str, body: bytes, headers: dict[str, str], secrets: list[str]
) -> None:
    with pytest.raises(Forged):
        webhooks.verify_hubspot(secrets, method, uri, body, SIGNED | headers, now=SENT)


@pytest.mark.parametrize("now", [SENT + 301, SENT - 301])
def test_what_was_signed_too_long_ago_or_in_the_future_is_stale(now: float) -> None:
    with pytest.raises(Stale):
        webhooks.verify_hubspot([SECRET], "POST", URI, BODY, SIGNED, now=now)
    webhooks.verify_hubspot([SECRET], "POST", URI, BODY, SIGNED, now=now - 2 if now > SENT else now + 2)


def test_a_strangers_word_on_the_time_is_not_taken() -> None:
    """An old signature with a new time is forged, not fresh."""
    headers = SIGNED | {"x-hubspot-request-timestamp": "16000000000"}
    with pytest.raises(Forged):
        webhooks.verify_hubspot([SECRET], "POST", URI, BODY, headers, now=16_000_000)


def test_a_signed_time_that_is_no_number_is_no_time() -> None:
    for odd in ("1e9", "٣٣٣", "-15000000", "15000000.0"):
        signature = webhooks.hubspot_signature(SECRET, "POST", URI, BODY, odd)
        with pytest.raises(Forged):
            webhooks.verify_hubspot(
                [SECRET],
                "POST",
                URI,
                BODY,
                {"x-hubspot-request-timestamp": odd, "x-hubspot-signature-v3": signature},
                now=SENT,
            )


def test_the_uri_is_decoded_where_hubspot_decodes_it_and_nowhere_else() -> None:
    def signature(uri: str) -> str:
        return webhooks.hubspot_signature(SECRET, "POST", uri, BODY, "1")

    assert signature(URI + "?to=a%40b%2fc%3A%3B") == signature(URI + "?to=a@b/c:;")
    assert signature(URI + "?to=a%20b%26") != signature(URI + "?to=a b&")


def test_a_secret_is_replaced_without_a_gap() -> None:
    webhooks.verify_hubspot(["the new one", SECRET], "POST", URI, BODY, SIGNED, now=SENT)
    both = webhooks.standard_headers([WHSEC, _key(b"n" * 32)], "msg_1", STANDARD_BODY, at=7)
    for secret in (WHSEC, _key(b"n" * 32)):
        assert webhooks.verify_standard([secret], STANDARD_BODY, both, now=7) == "msg_1"


def test_the_example_of_standard_webhooks_both_ways() -> None:
    assert webhooks.verify_standard([WHSEC], STANDARD_BODY, STANDARD, now=1614265330) == STANDARD["webhook-id"]
    assert webhooks.standard_headers([WHSEC], STANDARD["webhook-id"], STANDARD_BODY, at=1614265330) == STANDARD


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-id": "m" * 201},
        {"webhook-id": "msg\n"},
        {"webhook-timestamp": "1614265331"},
        {"webhook-signature": ""},
        {"webhook-signature": STANDARD["webhook-signature"].replace("v1,", "v1a,")},
        {"webhook-signature": STANDARD["webhook-signature"].removeprefix("v1,")},
    ],
)
def test_a_changed_header_is_seen(changed: dict[str, str]) -> None:
    with pytest.raises(Forged):
        webhooks.verify_standard([WHSEC], STANDARD_BODY, STANDARD | changed, now=1614265330)


def test_a_changed_body_and_an_old_message_are_refused() -> None:
    for body, now in ((STANDARD_BODY + b"\n", 1614265330), (STANDARD_BODY, 1614265330 + 301)):
        with pytest.raises(Untrusted):
            webhooks.verify_standard([WHSEC], body, STANDARD, now=now)


def test_one_signature_among_others_is_enough() -> None:
    headers = STANDARD | {"webhook-signature": f"v1a,AAAA v1,BBBB {STANDARD['webhook-signature']}"}
    assert webhooks.verify_standard([WHSEC], STANDARD_BODY, headers, now=1614265330)


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_####", "plain text", "whsec_" + base64.b64encode(b"x" * 23).decode()]
)
def test_a_secret_that_is_none_is_said(secret: str) -> None:
    with pytest.raises(UnusableSecret, match="whsec_"):
        webhooks.standard_headers([secret], "msg_1", b"", at=7)


def _key(raw: bytes) -> str:
    return "whsec_" + base64.b64encode(raw).decode()
