"""What the local stack starts for which settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.engine.downloads import Store
from workers.engine.programs import programs
from workers.settings import Settings, Tracing


@pytest.mark.parametrize(
    ("tracing", "started"),
    [
        (Tracing(), False),
        (Tracing(exporter="otlp"), False),
        (Tracing(exporter="zipkin", endpoint="http://zipkin.example/api/v2/spans"), False),
        (Tracing(exporter="zipkin"), True),
    ],
)
def test_zipkin_runs_only_for_who_exports_there_and_has_none(tracing: Tracing, started: bool, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, tracing=tracing)
    names = [program.name for program in programs(settings, Store(tmp_path))]
    assert ("zipkin" in names) == started
    if started:
        assert settings.tracing_endpoint == "http://127.0.0.1:9411/api/v2/spans"
        assert names.index("zipkin") < names.index("worker")
