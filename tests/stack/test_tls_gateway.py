"""Camunda's own gateway behind TLS: what `remote` speaks to in production."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.stack.conftest import SHORT_LIVED, LocalStack, new_stack
from tests.unit.runtime.demo.authority import Authority, client, refuses_strangers
from tests.unit.runtime.demo.diagram import one_task
from tests.unit.runtime.demo.waiting import until
from workers.engine import camunda
from workers.engine.downloads import Store
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy, JobNotFound

START_SECONDS = 400.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[str]:
    """The address of a broker's gateway that speaks TLS only, without Operate, Tasklist and exporters."""
    stack = new_stack(tmp_path_factory.mktemp("tls"))
    settings = stack.settings
    (settings.home / "tmp").mkdir(parents=True, exist_ok=True)
    camunda.configure(settings)
    with (settings.home / "camunda.log").open("wb") as log:
        process = subprocess.Popen(
            camunda.command(settings, Store(settings.cache, settings.maven_repository)),
            env={**os.environ, **SHORT_LIVED, **_broker(stack), **_tls(settings.home, authority)},
            stdout=log,
            stderr=log,
        )
        try:
            yield f"127.0.0.1:{settings.ports.zeebe}"
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _broker(stack: LocalStack) -> dict[str, str]:
    found = camunda.environment(stack.settings)
    apart = ("CAMUNDA_OPERATE", "CAMUNDA_TASKLIST", "CAMUNDA_DATABASE", "CAMUNDA_REST", "ZEEBE_BROKER_EXPORTERS")
    return {k: v for k, v in found.items() if not k.startswith(apart)} | {"SPRING_PROFILES_ACTIVE": "broker"}


def _tls(folder: Path, authority: Authority) -> dict[str, str]:
    key, chain = authority.certificate
    # Netty reads keys as PKCS 8 only.
    pkcs8 = load_pem_private_key(key, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pkcs8)
    (folder / "chain.pem").write_bytes(chain)
    prefix = "ZEEBE_BROKER_GATEWAY_SECURITY"
    return {
        f"{prefix}_ENABLED": "true",
        f"{prefix}_CERTIFICATECHAINPATH": str(folder / "chain.pem"),
        f"{prefix}_PRIVATEKEYPATH": str(folder / "key.pem"),
    }


async def healthy(ours: ZeebeClient) -> bool:
    try:
        return (await ours.topology()).healthy
    except EngineBusy:
        return False


async def test_a_job_is_done_over_tls_and_nobody_gets_in_without(gateway: str, authority: Authority) -> None:
    async with client(gateway, tls=True, ca_file=authority.file) as ours:
        await until(partial(healthy, ours), "the gateway to be healthy", START_SECONDS)
        await ours.deploy({"touch.bpmn": one_task("touch")})
        instance = await ours.start("run_touch", {"case_id": "c1"})
        jobs = ours.stream("flow.touch", worker="w", timeout_seconds=60, variables=["case_id"])
        async with contextlib.aclosing(jobs):
            # What was there before the stream was is found by asking, as the worker does too.
            waiting = await ours.activate(
                "flow.touch", worker="w", timeout_seconds=60, variables=["case_id"], at_most=1
            )
            job = waiting[0] if waiting else await anext(aiter(jobs))
        assert job.process_instance_key == instance
        await ours.complete(job.key, '{"touched": 1}')
        with pytest.raises(JobNotFound):
            await ours.complete(job.key, '{"touched": 1}')
    await refuses_strangers(gateway)
