"""`pytest --engine=container` where it cannot be; with Docker it is run by hand (docs/deployment.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.containers.engine import require_docker


def test_without_docker_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(pytest.UsageError, match=r"Start one or set DOCKER_HOST; without the option .* in memory"):
        require_docker()
