"""Grafana's dashboards: as Grafana's own reader takes them, of metrics that exist, each with a word of explanation."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.dashboards import DASHBOARDS, expressions
from tests.unit.operations.known_metrics import check
from workers.control_room.kpis import declared

BY_UID: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}
KPI_GAUGES = frozenset(f"fairlead_kpi_{kpi.name}_{kpi.unit}" for kpi in declared())


@pytest.mark.parametrize("uid", BY_UID)
def test_grafanas_own_reader_takes_all_of_it(uid: str) -> None:
    given = BY_UID[uid]
    assert given["uid"] == uid
    assert json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder)) == given


@pytest.mark.parametrize("uid", BY_UID)
def test_panels_speak_of_metrics_that_exist_and_lie_side_by_side(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BY_UID[uid]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"], panel["title"]
        for expression in expressions(panel):
            check(expression, KPI_GAUGES)


def test_every_kpi_is_shown() -> None:
    shown = " ".join(expression for panel in BY_UID["fairlead-cases"]["panels"] for expression in expressions(panel))
    assert {name for name in KPI_GAUGES if name not in shown} == set()


def test_grafana_is_told_where_they_lie() -> None:
    folder = DASHBOARDS[0].parents[1] / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "fairlead.yml").read_text())["providers"]
    assert source["type"] == "prometheus"
    assert provider["options"]["path"] == "${FAIRLEAD_DASHBOARDS}"
