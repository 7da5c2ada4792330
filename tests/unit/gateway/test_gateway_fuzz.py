"""Whatever is sent, the answer is never a 500, and every refusal is a problem detail."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.gateway.helpers import Client

# The database stays between examples: each must be right whatever came before.
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
text = st.text(st.characters(), max_size=30)  # with surrogates and U+0000
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=15,
)
field_names = st.sampled_from(
    ["source", "external_id", "name", "email", "phone", "company", "website", "domain", "country", "language",
     "industry", "employees", "annual_revenue_eur", "product", "job_level", "channel", "message", "leads"]
)  # fmt: skip
leads = st.fixed_dictionaries(
    {"source": text | st.just("web_form")},
    optional={"attributes": st.dictionaries(text, json_values, max_size=4) | json_values},
).flatmap(lambda base: st.dictionaries(field_names, json_values, max_size=5).map(lambda more: {**more, **base}))


def assert_answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


async def post(client: Client, path: str, document: Any) -> httpx.Response:
    body = json.dumps(document)  # may hold NaN, which is no JSON: that must be said, too
    return await client.post(path, content=body, headers={"Content-Type": "application/json"})


@many
@given(document=json_values | leads | st.lists(leads | json_values, max_size=5))
async def test_any_json_for_a_lead(client: Client, document: Any) -> None:
    assert_answered(await post(client, "/v1/leads", document))


@many
@given(body=st.binary(max_size=200), key=st.text(st.characters(max_codepoint=255), max_size=20))
async def test_any_bytes_for_a_lead(client: Client, body: bytes, key: str) -> None:
    headers = {b"Content-Type": b"application/json", b"Idempotency-Key": key.encode("latin-1")}
    assert_answered(await client.post("/v1/leads", content=body, headers=headers))


@many
@given(
    lead_id=text.filter(lambda part: part not in {"", ".", ".."}),
    document=json_values,
    values=st.lists(text, max_size=5),
)
async def test_any_address(client: Client, lead_id: str, document: Any, values: list[str]) -> None:
    quoted = quote(lead_id.encode("utf-8", "replace"), safe="")
    assert_answered(await client.get(f"/v1/leads/{quoted}"))
    for action in ("withdraw", "outcome"):
        assert_answered(await post(client, f"/v1/leads/{quoted}/{action}", document))
    names = ["state", "owner", "since", "limit", "cursor"]
    query = "&".join(
        f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in zip(names, values, strict=False)
    )
    assert_answered(await client.get(f"/v1/leads?{query}"))


@many
@given(since=st.datetimes(timezones=st.timezones() | st.none()), limit=st.integers(1, 500), owner=text)
async def test_any_filter(client: Client, since: Any, limit: int, owner: str) -> None:
    params = {"since": since.isoformat(), "limit": limit, "owner": owner.encode("utf-8", "replace").decode()}
    assert_answered(await client.get("/v1/leads", params=params))
