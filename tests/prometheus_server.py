"""A real Prometheus, as Debian has it, that scrapes what it is told."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest
import yaml

from tests.starting import until_up
from workers.engine.ports import free_port

FOLDER = Path(__file__).parents[1] / "compose"
MISSING = "Prometheus is not installed (`apt-get install prometheus`)"
START_SECONDS = 120.0

needs_prometheus = pytest.mark.skipif(shutil.which("promtool") is None, reason=MISSING)


class Prometheus:
    """The configuration of `compose/prometheus` with other targets. Use as a context manager."""

    def __init__(self, folder: Path, targets: Mapping[str, str]) -> None:
        """`targets` are those of a stack on other ports, by those of the configuration (``host:port``); the rest is left out."""
        self._folder = folder
        self._port = free_port()
        config = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            for given in job["static_configs"]:
                given["targets"] = [targets[one] for one in given["targets"] if one in targets]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        shutil.copy(FOLDER / "prometheus" / "fairlead.rules.yml", folder)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        arguments = {
            "config.file": self._folder / "prometheus.yml",
            "storage.tsdb.path": self._folder / "data",
            "web.listen-address": f"127.0.0.1:{self._port}",
        }
        with (self._folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                ["prometheus", *(f"--{name}={value}" for name, value in arguments.items())], stdout=said, stderr=said
            )
        until_up(self._answers, lambda: self._process.poll() is None, self._folder / "said", START_SECONDS)
        return self

    def _answers(self) -> bool:
        try:
            return self._http.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait()

    def get(self, path: str, **parameters: str) -> Any:  # Any: JSON
        """What its API says under ``/api/v1/``; an expression that it refuses fails the test with its words."""
        answer = self._http.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found
