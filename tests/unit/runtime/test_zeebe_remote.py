"""Clusters that are not on this machine: TLS with an own authority, OAuth tokens, tenants. Behind the door is a real
engine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.runtime.demo.authority import Authority, client, refuses_strangers
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.door import METHODS, Door
from tests.unit.runtime.demo.token_server import TokenServer, token_server
from tests.unit.runtime.demo.waiting import until
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, JobNotFound, Refused
from workers.settings import Zeebe


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def remote(door: Door, **zeebe: Any) -> ZeebeClient:
    return client(f"127.0.0.1:{door.port}", **zeebe)


async def works_a_job(client: ZeebeClient, engine: EmbeddedEngine) -> None:
    await client.deploy({"touch.bpmn": one_task("touch")})
    instance = await client.start("run_touch", {"case_id": "c1"})
    jobs = client.stream("flow.touch", worker="w", timeout_seconds=30, variables=["case_id"])
    async with contextlib.aclosing(jobs):
        mine = [job for job in await waiting(client) if job.process_instance_key == instance]
        async for job in jobs if not mine else _each(mine):
            if job.process_instance_key == instance:
                await client.complete(job.key, '{"touched": 1}')
                break
    await until(lambda: ended(engine, instance), "the instance to end")


async def _each(jobs: list[Any]) -> Any:
    for job in jobs:
        yield job


async def waiting(client: ZeebeClient) -> list[Any]:
    return await client.activate("flow.touch", worker="w", timeout_seconds=30, variables=["case_id"], at_most=1_000)


def ended(engine: EmbeddedEngine, instance: int) -> bool:
    return any(one.key == instance and one.state == "ELEMENT_COMPLETED" for one in engine.elements(instance))


async def test_tls_with_an_own_authority(engine: EmbeddedEngine, authority: Authority) -> None:
    async with Door(engine.address, authority.certificate) as door:
        async with remote(door, tls=True, ca_file=authority.file) as client:
            assert (await client.topology()).healthy
            await works_a_job(client, engine)
        await refuses_strangers(f"127.0.0.1:{door.port}")


@pytest.fixture
def tokens(authority: Authority) -> Callable[[float], Any]:
    return lambda lifetime: token_server(authority.context, lifetime)


def oauth(authority: Authority, tokens: TokenServer, **more: Any) -> dict[str, Any]:
    return {
        "ca_file": authority.file,
        "oauth_client_id": "worker",
        "oauth_client_secret": "s3cret",
        "oauth_url": tokens.url,
        "oauth_audience": "zeebe-api",
        **more,
    }


async def test_token_is_fetched_once_and_sent_with_each_command(
    engine: EmbeddedEngine, authority: Authority, tokens: Callable[[float], Any]
) -> None:
    with tokens(3600) as server:
        async with Door(engine.address, authority.certificate, admits=server.good) as door:
            async with remote(door, **oauth(authority, server, oauth_scope="jobs")) as client:
                await works_a_job(client, engine)
            assert {call.token for call in door.calls} == {"token-1"}
        assert server.asked == [
            {
                "grant_type": "client_credentials",
                "client_id": "worker",
                "client_secret": "s3cret",
                "audience": "zeebe-api",
                "scope": "jobs",
            }
        ]


async def test_token_is_renewed_before_it_expires(
    engine: EmbeddedEngine, authority: Authority, tokens: Callable[[float], Any]
) -> None:
    with tokens(31) as server:  # s, 30 of which are spare: worn out after one second, while still good
        async with (
            Door(engine.address, authority.certificate, admits=server.good) as door,
            remote(door, **oauth(authority, server)) as client,
        ):

            async def renewed() -> bool:
                await client.topology()
                return len(server.asked) > 1

            await until(renewed, "a second token")
            await client.topology()
            assert [call.token for call in door.calls][-1] != "token-1"


async def test_wrong_secret_is_named_and_not_shown(
    engine: EmbeddedEngine, authority: Authority, tokens: Callable[[float], Any]
) -> None:
    with tokens(3600) as server:
        async with (
            Door(engine.address, authority.certificate, admits=server.good) as door,
            remote(door, **oauth(authority, server, oauth_client_secret="wr0ng")) as client,
        ):
            with pytest.raises(EngineBusy, match="invalid_client") as caught:
                await client.topology()
            assert "wr0ng" not in str(caught.value)
            assert door.calls == []


async def test_every_command_with_a_tenant_field_names_the_tenant(engine: EmbeddedEngine) -> None:
    commands: list[Callable[[ZeebeClient], Awaitable[object]]] = [
        lambda client: client.topology(),
        lambda client: client.publish("hello", "1", {}),
        lambda client: client.deploy({"touch.bpmn": one_task("touch")}),
        lambda client: client.evaluate_decision("a_decision", {}),
        lambda client: client.start("run_touch", {}),
        lambda client: client.cancel(1),
        lambda client: client.resolve_incident(1),
        lambda client: client.activate("flow.none", worker="w", timeout_seconds=30, variables=[], at_most=1),
        lambda client: client.complete(1, "{}"),
        lambda client: client.fail(1, retries=1, message=""),
        lambda client: client.throw(1, code="x", message="", variables={}),
        lambda client: client.extend(1, 30),
    ]
    async with Door(engine.address) as door, remote(door, tenant="acme") as client:
        for command in commands:
            # The engine in memory knows no tenants: it refuses what names one.
            with contextlib.suppress(Refused, JobNotFound, EngineBusy):
                await command(client)
        stream = client.stream("flow.none", worker="w", timeout_seconds=30, variables=[])
        first = asyncio.ensure_future(anext(stream))
        await until(lambda: door.calls[-1].method == "StreamActivatedJobs", "the stream to be asked for")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    named = {call.method: call.tenants() for call in door.calls}
    assert named == {
        "Topology": None,
        "PublishMessage": ["acme"],
        "DeployResource": ["acme"],
        "EvaluateDecision": ["acme"],
        "CreateProcessInstance": ["acme"],
        "CancelProcessInstance": None,
        "ResolveIncident": None,
        "ActivateJobs": ["acme"],
        "StreamActivatedJobs": ["acme"],
        "CompleteJob": None,
        "FailJob": None,
        "ThrowError": None,
        "UpdateJobTimeout": None,
    }
    assert set(named) <= set(METHODS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"oauth_client_id": "worker"}, "OAUTH_CLIENT_SECRET"),
        ({"oauth_client_id": "w", "oauth_client_secret": "s", "oauth_url": "http://plain"}, "https://"),
        ({"ca_file": "/nowhere/ca.pem"}, "CA_FILE names /nowhere/ca.pem"),
    ],
)
def test_incomplete_settings_say_what_to_set(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Zeebe(**given)
