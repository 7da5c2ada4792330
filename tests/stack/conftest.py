"""The local stack for tests: own free ports, a fresh folder, the user's download cache."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workers.bench.own_stack import own_environment
from workers.cli._up_screen import stack_of
from workers.engine import jvm
from workers.engine.supervision import Supervisor
from workers.settings import Settings

if TYPE_CHECKING:
    from tests.stack.office import Office

START_SECONDS = 900
"""`up` has limits of its own for each program, and says which one it waited for."""
COMMAND_SECONDS = 600
"""For any other command: some fit models, some stop everything."""
SHORT_LIVED = {"JAVA_TOOL_OPTIONS": jvm.BRIEF, "FAIRLEAD_CAMUNDA__START_SECONDS": "600"}
"""A stack of tests is gone before Camunda's second compiler pays, which until then takes a core from everything else; and
the machine may be slow.
"""


@dataclass(frozen=True)
class LocalStack:
    """Fairlead as a user runs it: by its command line, in an environment of its own."""

    environment: dict[str, str]
    settings: Settings
    user: Path
    """The home folder of the user who runs it: empty, and nothing of ours is to appear there."""

    def fairlead(self, *arguments: str, within: float = COMMAND_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run `fairlead …` and return what it said."""
        return subprocess.run(
            [sys.executable, "-m", "workers", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=within,
        )

    def status(self) -> dict[str, Any]:
        """What `fairlead status --json` says."""
        found: dict[str, Any] = json.loads(self.fairlead("status", "--json").stdout)
        return found

    def pid(self, name: str) -> int:
        """The process of a program now; 0 if it does not run."""
        state = Supervisor(self.settings.home).states().get(name)
        return state.pid if state is not None else 0

    async def healthy(self) -> bool:
        """Whether everything that should run is ready, as `status` says, without a process that costs a second."""
        found = await stack_of(self.settings).health()
        return bool(found) and all(one.problem is None for one in found)

    def up(self, *options: str) -> str:
        """`fairlead up --detach`; what it said. Fails the test with its output if it does not succeed."""
        done = self.fairlead("up", "--detach", *options, within=START_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def new_stack(home: Path, **more: str) -> LocalStack:
    """A stack on free ports that does not run yet; ``more`` are environment variables."""
    user = home.with_name("user")
    user.mkdir(parents=True, exist_ok=True)
    variables = own_environment(home) | {"HOME": str(user)} | more
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAIRLEAD_", "XDG_"))}
    cache = {"FAIRLEAD_CACHE": str(Settings().cache)} | {
        name: value for name, value in os.environ.items() if name == "FAIRLEAD_MAVEN_REPOSITORY"
    }
    environment = kept | SHORT_LIVED | cache | variables
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FAIRLEAD_")]:
            patch.delenv(name)
        for name, value in (cache | variables).items():
            patch.setenv(name, value)
        return LocalStack(environment, Settings(), user)


@contextlib.contextmanager
def running_stack(home: Path, *options: str, **more: str) -> Iterator[LocalStack]:
    """A stack that runs, started by `fairlead up --detach` with ``options``; gone afterwards."""
    stack = new_stack(home, **more)
    try:
        stack.up(*options)
        yield stack
    finally:
        stack.fairlead("down")


@pytest.fixture(scope="session")
def local_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running stack without sample; parameter ``"engine"`` leaves Fairlead's own processes out, default ``"whole"``."""
    whole = getattr(request, "param", "whole") == "whole"
    options = ("--no-sample",) if whole else ("--engine-only",)
    with running_stack(tmp_path_factory.mktemp("stack") / "home", *options) as stack:
        yield stack


@pytest.fixture(scope="session")
def furnished_stack(local_stack: LocalStack) -> LocalStack:
    """The running stack with a sales organisation that is always at work; shared by all tests that send leads."""
    from tests.stack.office import furnish  # noqa: PLC0415 - it imports this module

    furnish(local_stack)
    return local_stack


@pytest.fixture
async def office(furnished_stack: LocalStack) -> AsyncIterator[Office]:
    """Connections to the furnished stack."""
    from tests.stack.office import open_office  # noqa: PLC0415 - it imports this module

    async with open_office(furnished_stack) as opened:
        yield opened
