"""Two versions of lead routing side by side while everything is hurt: the same diagram under another version tag."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from workers.operations.audit import Actor
from workers.runtime.database import Pool
from workers.runtime.deployment import deploy
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings
from workers.versions import shares

PROCESS = "lead_routing"
PARTS = ("bpmn", "dmn", "forms")
US = Actor("chaos", "A canary while everything is hurt.")


async def begin(settings: Settings, pool: Pool, share: float, folder: Path) -> None:
    """Deploy a second version, from a copy of the models in `folder`, and give it a share of new leads (0 to 1).

    Raises:
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
