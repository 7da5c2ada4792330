"""Operators at work on the real stack: a real incident is found, its cause mended, and the lead goes on."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.stack.office import Office, new_lead
from workers.engine.errors import UnreachableError
from workers.runtime.runbooks import LABEL
from workers.runtime.zeebe import ZeebeClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

UNSERVED = b"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="fairlead">
<bpmn:process id="unserved" isExecutable="true">
<bpmn:startEvent id="start"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>
<bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="nobody_serves"/>
<bpmn:serviceTask id="nobody_serves"><bpmn:extensionElements><zeebe:taskDefinition type="unserved.nobody"/>
</bpmn:extensionElements><bpmn:incoming>f1</bpmn:incoming></bpmn:serviceTask>
</bpmn:process></bpmn:definitions>"""
INSERT = "INSERT INTO routing.leads (lead_id, source, external_id, raw) VALUES (%s, 'web_form', %s, %s)"


def ops(office: Office, *arguments: str) -> list[dict[str, Any]]:
    """`fairlead ops … --json`."""
    done = office.stack.fairlead("ops", *arguments, "--json")
    if done.returncode:
        raise UnreachableError(done.stderr)  # who waits asks again
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


async def lost_lead(office: Office) -> str:
    """The id of a lead that isn't in the book, whose process has begun all the same."""
    lead_id = f"lead-{secrets.token_hex(8)}"
    async with ZeebeClient(office.settings) as zeebe:
        variables = {"lead_id": lead_id, "received_at": "2026-01-05T10:00:00Z"}
        assert await zeebe.publish("lead_received", lead_id, variables, f"lead_received:{lead_id}")
    return lead_id


async def incident(office: Office, lead_id: str) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        # Each command costs a second: the search is asked first.
        known = [one for one in await office.camunda.incidents(limit=1_000) if lead_id in one.message]
        return next(iter(ops(office, "incidents", "--case", lead_id)), None) if known else None

    return await office.until(there, f"the incident of {lead_id}")


async def put_into_book(office: Office, lead_id: str) -> None:
    fields = {name: value for name, value in new_lead().items() if name not in {"source", "external_id"}}
    await office.run(INSERT, lead_id, secrets.token_hex(4), Jsonb(fields))


async def test_an_incident_is_found_mended_and_retried(office: Office) -> None:
    lead_id = await lost_lead(office)
    found = await incident(office, lead_id)
    assert (found["process"], found["element"], found["error_type"]) == (
        "lead_routing",
        "register_lead",
        "JOB_NO_RETRIES",
    )
    assert found["business_id"] == lead_id
    assert lead_id in found["message"]
    assert ops(office, "incidents", "--case", lead_id, "--older-than", "1d") == []

    await put_into_book(office, lead_id)
    why = "The lead was put into the book."
    (done,) = ops(office, "incidents", "retry", str(found["key"]), "--why", why, "--by", "ana", "--yes")
    assert done["outcome"] == "done"
    view = await office.reaches(lead_id, "assigned")
    assert view["owner"] is not None

    (entry,) = [one for one in ops(office, "audit", "--case", lead_id) if not one["actor"].startswith("policy:")]
    assert (entry["actor"], entry["action"], entry["why"], entry["outcome"]) == ("ana", "incident.retry", why, "done")

    async def gone() -> bool | None:
        return not ops(office, "incidents", "--case", lead_id) or None

    await office.until(gone, "the list to be without it")


async def test_operations_are_told_and_led_to_what_to_do(office: Office) -> None:
    """By self-healing, which `fairlead up` has started; nobody calls it."""
    lead_id = await lost_lead(office)
    found = await incident(office, lead_id)
    address = found["message"].rpartition(LABEL)[2]
    assert address == office.settings.runbook("incident")
    page = await office.http.get(address)
    assert page.status_code == 200
    assert "An incident" in page.text
    mail = await office.mail("operations@example.com", lead_id, address)
    assert "incident" in mail["Subject"]
    assert (await office.rows("SELECT FROM runtime.told WHERE subject = %s", f"job:{found['job_key']}")) != []
    await put_into_book(office, lead_id)  # other tests of this stack look at whether everything adds up
    ops(office, "incidents", "retry", str(found["key"]), "--why", "It is in the book now.", "--yes")
    await office.reaches(lead_id, "assigned")


async def test_an_incident_is_resolved_with_a_corrected_variable(office: Office) -> None:
    wrong = await lost_lead(office)
    found = await incident(office, wrong)
    right = f"lead-{secrets.token_hex(8)}"
    await put_into_book(office, right)
    (done,) = ops(
        office, "incidents", "resolve", str(found["key"]), "--set", f'lead_id="{right}"', "--why", "Wrong id.", "--yes"
    )
    assert done["outcome"] == "done"
    await office.reaches(right, "assigned")


async def test_what_was_deployed_since_is_tried_again_without_a_person(office: Office) -> None:
    """By self-healing's own process; its page says what was done, and its switch is turned on the page's other side."""
    off = office.stack.fairlead("heal", "off", "--why", "To see that nothing else heals it.", "--by", "ana")
    assert off.returncode == 0, off.stderr
    lead_id = await lost_lead(office)
    subject = f"job:{(await incident(office, lead_id))['job_key']}"

    async def looked_after() -> bool:
        return bool(await office.rows("SELECT FROM healing.cases WHERE subject = %s AND ended_at IS NULL", subject))

    await office.until(looked_after, "self-healing to see the incident")
    await put_into_book(office, lead_id)
    await office.run(
        "INSERT INTO runtime.deployments (deployment_key, digest, resources, engine, deployed_at)"
        " VALUES (1, '', '[]', 'elsewhere', now())"
    )
    await office.run(
        "UPDATE healing.cases SET since = since - interval '1 hour', next_at = now() WHERE ended_at IS NULL"
    )

    async def would() -> bool:
        found = await office.rows(
            "SELECT FROM healing.cases WHERE subject = %s AND rule = 'deployed-incident' AND starts_with(why, 'Would')",
            subject,
        )
        return bool(found)

    await office.until(would, "self-healing to say what it would do")
    assert office.stack.fairlead("heal", "on", "--why", "It is seen.", "--by", "ana").returncode == 0
    await office.reaches(lead_id, "assigned")
    actors = {one["actor"] for one in ops(office, "audit", "--case", lead_id)}
    assert "policy:deployed-incident" in actors
    assert all(actor.startswith("policy:") for actor in actors), "no person did anything"
    page = (await office.http.get("/control/operations")).text
    assert "It is seen." in page


async def test_an_element_that_nobody_serves_is_stuck(office: Office) -> None:
    async with ZeebeClient(office.settings) as zeebe:
        await zeebe.deploy({"unserved.bpmn": UNSERVED})
        key = await zeebe.start("unserved", {"lead_id": "lead-of-nobody"})

    async def there() -> dict[str, Any] | None:
        # Its variables reach the search a little after the element itself.
        found = ops(office, "stuck", "--older-than", "1s", "--element", "nobody_serves")
        return next((one for one in found if one["business_id"]), None)

    found = await office.until(there, "the waiting element")
    assert (found["kind"], found["business_id"]) == ("element", "lead-of-nobody")
    assert found["process_instance_key"] == key
    assert ops(office, "stuck", "--older-than", "1d") == []
