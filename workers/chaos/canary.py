"""Two versions of lead routing side by side while everything is hurt: the same diagram under another version tag."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from pathlib import Path

from workers.operations.audit import Actor
from workers.runtime.database import Pool, open_pool
from workers.runtime.deployment import deploy
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings
from workers.versions import shares
from workers.versions.errors import NoSuchVersion

PROCESS = "lead_routing"
PARTS = ("bpmn", "dmn", "forms")
KNOWN_SECONDS = 120.0
"""The most that is waited until the read model knows the first version."""
US = Actor("chaos", "A canary while everything is hurt.")


async def begin(settings: Settings, pool: Pool, share: float, folder: Path) -> None:
    """Deploy a second version, from a copy of the models in `folder`, and give it a share of new leads (0 to 1).

    Raises:
        NoSuchVersion: the read model does not know the first one yet.
        NotNow, DeploymentRefused: the two can't run side by side.
        EngineBusy: the engine is away.
    """
    async with ZeebeClient(settings) as engine:

        async def engine_version() -> str:
            return (await engine.topology()).gateway_version

        await shares.hold(pool, PROCESS, US, engine_version)
        for part in PARTS:
            shutil.copytree(settings.models / part, folder / part)
        diagram = folder / "bpmn" / f"{PROCESS}.bpmn"
        text = diagram.read_text("utf-8")
        diagram.write_text(re.sub(r'(versionTag value=)"[^"]*"', r'\1"canary"', text, count=1), "utf-8")
        await deploy(settings.model_copy(update={"models": folder}), engine)
        await shares.set_share(pool, PROCESS, share, US, engine_version)


async def begin_when_known(settings: Settings, share: float, folder: Path) -> None:
    """`begin`, once the read model knows the first version. Raises as that."""
    deadline = time.monotonic() + KNOWN_SECONDS
    pool = await open_pool(settings.dsn, min_size=1, max_size=2)
    try:
        while True:
            try:
                return await begin(settings, pool, share, folder)
            except NoSuchVersion:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1.0)
    finally:
        await pool.close()
