"""The dashboards under `compose/grafana`, and what they ask Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DASHBOARDS = sorted((Path(__file__).parents[1] / "compose" / "grafana" / "dashboards").glob("*.json"))


def expressions(panel: dict[str, Any]) -> list[str]:
    """The PromQL of a panel."""
    return [target["expr"] for target in panel.get("targets", ())]
