"""After the last fault people go on for as long as it helps, and the clock is moved only if nothing moves without."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from workers.chaos import run


class Office:
    """Leads that people answer as `story` tells: at each look so many are left (None: the database is away)."""

    def __init__(self, *story: int | None) -> None:
        self.answers = 0
        self.passed = 0
        self._story = list(story)

    async def unanswered(self) -> int:
        left = self._story.pop(0) if len(self._story) > 1 else self._story[0]
        if left is None:
            raise psycopg.OperationalError("away")
        return left

    async def pass_time_outs(self) -> None:
        self.passed += 1


async def look(office: Any, monkeypatch: pytest.MonkeyPatch, ahead: float = 1_000.0) -> list[str]:
    """What is said, with a patience of 20 s; each look at the clock takes one."""
    said: list[str] = []
    seconds = itertools.count()
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    monkeypatch.setattr(run, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(run, "AHEAD_SECONDS", ahead)
    await run._until_answered(office, office, 20.0, said.append)
    return said


async def test_they_go_on_until_nothing_is_left_even_if_the_database_is_away_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office(2, None, 1, 1, 0)
    assert await look(office, monkeypatch) == []
    assert (office._story, office.passed) == ([0], 0)


async def test_the_clock_passes_time_outs_though_answers_trickle_in(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(*range(30, -1, -1))
    assert await look(office, monkeypatch, ahead=10.0) == []
    assert office.passed > 0


async def test_they_end_when_nothing_moves_and_the_clock_was_moved_before(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(3)
    said = ["people stop after 20 s; the last answer, or move of a lead, was 20 s ago"]
    assert await look(office, monkeypatch, ahead=10.0) == said
    assert office.passed > 0


async def test_an_answer_is_progress_though_as_many_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(*[3] * 100, 0)
    unanswered = office.unanswered

    async def answered() -> int:
        office.answers += 1
        return await unanswered()

    monkeypatch.setattr(office, "unanswered", answered)
    assert await look(office, monkeypatch) == []


async def test_a_long_day_is_not_answered_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ANSWERS_SECONDS", 100.0)
    office = Office(*range(1_000, 0, -1))
    assert await look(office, monkeypatch) == [
        "people stop after 100 s; the last answer, or move of a lead, was 1 s ago"
    ]
