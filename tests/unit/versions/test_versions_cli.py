"""The commands, as an operator calls them: a plan made and carried out, shares set and taken back."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.unit.versions.conftest import Town
from tests.unit.versions.diagrams import moving
from workers.versions.plan import read_plan

PROJECT = Path(__file__).parents[3]


async def test_the_commands_plan_move_hold_share_and_go_back(town: Town, dsn: str, tmp_path: Path) -> None:
    given = {
        **os.environ,
        "FAIRLEAD_DATABASE_URL": dsn,
        "FAIRLEAD_ZEEBE__ADDRESS": town.client.address,
        "COLUMNS": "200",
    }

    async def said(*words: str, code: int = 0) -> str:
        command = (sys.executable, "-m", "workers", *words)
        process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, env=given, stdout=PIPE, stderr=PIPE)
        out, wrong = await process.communicate()
        assert process.returncode == code, wrong.decode()
        return (wrong if code else out).decode()

    await town.tell()
    held, nothing = await asyncio.gather(
        said("versions", "hold", "moving", "--why", "2.0 first for a few"),
        said("versions", "rollback", "nobody", "--why", "x", code=1),
    )
    assert held == "New instances of moving stay with version 1 when the next one is deployed.\n"
    assert "no process nobody" in nothing
    keys = [await town.case(), await town.case()]
    await town.work("prepare")
    await town.deploy(moving(2, look="inspect"))
    await town.tell()

    file = tmp_path / "plan.yaml"
    refused, planned = await asyncio.gather(
        said("versions", "canary", "moving", "--share", "10%", "--why", "x", code=1),
        said("migrate", "plan", "moving", "--from", "1", "--to", "2", "--map", "look=inspect", "--out", str(file)),
    )
    assert "deploy the next one first" in refused, "this deployment did not come by `fairlead deploy`"
    assert "2 can be moved, 0 can't." in planned
    assert [one.key for one in read_plan(file.read_text()).movable] == keys
    applied = await said("migrate", "apply", str(file), "--why", "for all", "--by", "ana", "--yes")
    assert applied == "2 moved.\n"
    assert await town.versions() == dict.fromkeys(keys, 2)
    promoted, again = await asyncio.gather(
        said("versions", "promote", "moving", "--why", "no need"),
        said("migrate", "apply", str(file), "--why", "for all", "--yes"),
    )
    assert again == "2 moved.\n"
    assert promoted.startswith("All new instances of moving have the newest version")
    back = await said("versions", "rollback", "moving", "--why", "worse")
    assert back == "All new instances of moving have version 1; 2 gets none.\n"
    listed = [line.split() for line in (await said("versions")).splitlines() if "moving" in line]
    assert [[word for word in line if word != "│"] for line in listed] == [
        ["moving", "2", "2.0.0", "0", "%", "2"],
        ["moving", "1", "1.0.0", "100", "%", "0"],
    ]
    assert "no share" in await said("versions", "canary", "moving", "--share", "much", "--why", "x", code=2)
    assert "can't be read" in await said("migrate", "apply", "nowhere.yaml", "--why", "x", "--yes", code=1)
