"""A lead's trace read back from a real Zipkin, which the local stack starts when it is asked to.

Here because the stack of these tests is the one that is traced; the leads come when what was planned on it is done.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack.conftest import LocalStack
from tests.stack.office import ASK_SECONDS, Office, new_lead, open_office
from workers.engine import ports
from workers.engine.supervision import Supervisor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

Span = dict[str, Any]  # Any: JSON


@pytest.fixture
async def office(sales_stack: LocalStack) -> AsyncIterator[Office]:
    async with open_office(sales_stack) as opened:
        yield opened


def logged(office: Office, program: str) -> list[dict[str, Any]]:
    file = office.settings.home / "logs" / f"{program}.log"
    return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]


async def trace(office: Office, trace_id: str, *names: str) -> list[Span]:
    """The trace, once Zipkin has spans of all these names, and whatever they are below: each process sends its own."""
    async with httpx.AsyncClient(base_url=office.settings.zipkin_url, trust_env=False, timeout=ASK_SECONDS) as zipkin:

        async def there() -> list[Span] | None:
            answer = await zipkin.get(f"/api/v2/trace/{trace_id}")
            found: list[Span] = answer.json() if answer.status_code == 200 else []
            whole = {span["parentId"] for span in found if "parentId" in span} <= {span["id"] for span in found}
            return found if whole and set(names) <= {span["name"] for span in found} else None

        return await office.until(there, f"Zipkin to have {names} in {trace_id}")


async def test_a_lead_is_one_trace_in_zipkin_and_the_logs_name_it(office: Office) -> None:
    lead = new_lead()
    assert (await office.http.post("/v1/leads", json=lead)).status_code == 202
    (lead_id,) = await office.send(lead)  # the same again, for its id
    await office.reaches(lead_id, "assigned")
    await office.complete(lead_id, "accept_lead", owner_response="accept", reject_reason=None, reject_note=None)
    await office.reaches(lead_id, "accepted")

    trace_id = next(line["trace_id"] for line in logged(office, "gateway") if line.get("route") == "/v1/leads")
    after_the_pause = "job lead_routing.confirm_acceptance"
    spans = await trace(office, trace_id, "deliver crm.lead", "deliver mail", after_the_pause)
    known = {span["id"]: span for span in spans}
    roots = [span for span in spans if "parentId" not in span]
    assert [(root["name"], root["localEndpoint"]["serviceName"]) for root in roots] == [
        ("post /v1/leads", "fairlead-gateway")
    ]
    assert all(span["parentId"] in known for span in spans if span not in roots)

    def line_of(span: Span) -> list[str]:
        """Names from a span up to the request."""
        return [span["name"], *(line_of(known[span["parentId"]]) if "parentId" in span else [])]

    start = ["deliver zeebe.message", "post /v1/leads"]
    jobs = [span for span in spans if span["name"].startswith("job ")]
    assert {tuple(line_of(job)) for job in jobs} == {(job["name"], *start) for job in jobs}
    assert {job["localEndpoint"]["serviceName"] for job in jobs} == {"fairlead-worker"}
    assert {"job lead_routing.score_lead", "job lead_routing.assign_owner"} <= {job["name"] for job in jobs}
    for task, channel in (("write_owner", "crm.lead"), ("notify_owner", "mail")):
        expected = [f"deliver {channel}", f"run lead_routing.{task}", f"job lead_routing.{task}", *start]
        assert expected in [line_of(span) for span in spans]
    lines = [line for line in logged(office, "worker") if line.get("trace_id") == trace_id]
    assert {line["span_id"] for line in lines} & {job["id"] for job in jobs}
    said = json.dumps(spans)
    assert not [word for word in (lead["name"], lead["email"], lead["company"]) if word in said]


def test_zipkin_is_shown_and_listens_on_loopback_only(planning_stack: LocalStack) -> None:
    assert f"{planning_stack.settings.zipkin_url}/zipkin/" in planning_stack.fairlead("status").stdout
    pid = Supervisor(planning_stack.settings.home).states()["zipkin"].pid
    listening = ports.addresses([pid])
    assert list(listening) == [planning_stack.settings.ports.zipkin]
    assert listening[planning_stack.settings.ports.zipkin] <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert Path(planning_stack.settings.home / "logs" / "zipkin.log").exists()
