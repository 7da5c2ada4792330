"""Each planted bug is caught, on the real engine in memory and real PostgreSQL; without one nothing is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import plants
from tests.chaos.scene import Scene, rules_of
from tests.process.building import open_building
from tests.process.house import House
from workers.chaos.checker.checking import Verdict, check
from workers.chaos.serving import double
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.zeebe import ZeebeClient

pytestmark = pytest.mark.slow


@pytest.fixture
def doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job comes twice."""
    for name in ("stream", "activate"):
        monkeypatch.setattr(ZeebeClient, name, getattr(ZeebeClient, name))  # put back afterwards
    double()


async def played(engine: EmbeddedEngine, dsn: str, canary: float = 0.0, models: Path = Path()) -> Verdict:
    """What the checker says after the scene."""
    async with open_building(House, engine, dsn) as house:
        scene = Scene(house, canary, models)
        await scene.play()
        return check(await scene.evidence())


async def test_without_a_bug_nothing_is_wrong(engine: EmbeddedEngine, dsn: str, doubled: None) -> None:
    verdict = await played(engine, dsn)
    assert [violation.line() for violation in verdict.violations] == []
    assert verdict.states == {"accepted": 1, "withdrawn": 1}
    assert verdict.counts["effects undone"] == 6, "two assignments with their CRM write and mail"
    assert verdict.counts["leads accepted"] == 2
    assert verdict.counts["mails"] == 5, "three to new owners, two that the lead is gone"


CASES: dict[str, tuple[Callable[[Any], None], str]] = {
    "lost between completing and commit": (plants.commit_after_completing, "effect-lost"),
    "a notice lost there": (partial(plants.commit_after_completing, task="notify_owner"), "effect-lost"),
    "a CRM row never written": (plants.outbox_row_dropped, "crm-change-lost"),
    "a mail row never written": (partial(plants.outbox_row_dropped, part="notify_owner"), "mail-lost"),
    "a recall never written": (partial(plants.outbox_row_dropped, part="recall_notice"), "mail-lost"),
    "a CRM row never delivered": (plants.delivery_dropped, "crm-change-lost"),
    "a mail never delivered": (partial(plants.delivery_dropped, channel="mail"), "mail-lost"),
    "release skipped": (plants.compensation_skipped, "undo-missing"),
    "CRM not restored": (partial(plants.compensation_skipped, handler="restore_owner"), "undo-missing"),
    "notice not recalled": (partial(plants.compensation_skipped, handler="recall_notice"), "undo-missing"),
    "release that does nothing": (plants.compensation_empty, "slot-differs"),
    "restore that does nothing": (partial(plants.compensation_empty, handler="restore_owner"), "crm-change-lost"),
    "recall that does nothing": (partial(plants.compensation_empty, handler="recall_notice"), "mail-lost"),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_planted_bug_is_caught(
    engine: EmbeddedEngine, dsn: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plant, rule = CASES[name]
    plant(monkeypatch.setattr)
    verdict = await played(engine, dsn)
    assert rule in rules_of(verdict), rules_of(verdict)


@pytest.mark.parametrize(
    ("plant", "rule"), [(plants.deduplication_off, "record-untrue"), (plants.keys_without_case, "effect-twice")]
)
async def test_doing_things_twice_is_caught(
    engine: EmbeddedEngine,
    dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    doubled: None,
    plant: Callable[[Any], None],
    rule: str,
) -> None:
    plant(monkeypatch.setattr)
    verdict = await played(engine, dsn)
    assert rule in rules_of(verdict), rules_of(verdict)


async def test_an_instance_in_another_version_than_was_chosen_is_caught(
    engine: EmbeddedEngine, dsn: str, monkeypatch: pytest.MonkeyPatch, doubled: None, tmp_path: Path
) -> None:
    plants.placement_forgotten(monkeypatch.setattr)
    verdict = await played(engine, dsn, 1e-9, tmp_path)
    assert rules_of(verdict) == ["version-differs"]
