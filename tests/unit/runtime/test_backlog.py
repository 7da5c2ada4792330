"""Who is next among the jobs that wait; no engine is needed for that."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.unit.runtime.demo.cases import ROOT
from workers.runtime import discovery
from workers.runtime.backlog import CLOCK_MOVED, FEWEST, ORDINARY_TURN, Ages, Backlog, Origin
from workers.runtime.task import TaskSpec
from workers.runtime.zeebe_types import Job

NOW = 1_800_000_000.0
HOUR = 3600.0
call, look, touch = (discovery.find(f"flow.{name}", ROOT) for name in ("call", "look", "touch"))


def any_type(_job_type: str) -> bool:
    return True


class Room:
    """A backlog, and short ways to fill and empty it."""

    def __init__(self, most: int = 1_000, lasts: dict[str, float] | None = None, slots: int = 1_000) -> None:
        self.lasts = lasts or {}
        self.backlog = Backlog(
            most, HOUR, typical=lambda name: self.lasts.get(name, 0.01), slots=lambda _name: slots, now=lambda: NOW
        )
        self.keys = 0

    def put(
        self, spec: TaskSpec, origin: Origin, due: float | None = None, variables: dict[str, object] | None = None
    ) -> int:
        self.keys += 1
        given: dict[str, object] = {"case_id": str(self.keys), **(variables or {})}
        if due is not None:
            given["due_at"] = datetime.fromtimestamp(NOW + due, UTC).isoformat()
        job = Job(self.keys, spec.job_type, 1, 1, "p", spec.name, self.keys, 3, 0, given)
        self.backlog.put(self.backlog.lane(spec, origin), job)
        return self.keys

    def take(self, number: int) -> list[int]:
        taken = [self.backlog.take(any_type) for _ in range(number)]
        return [one.job.key for one in taken if one is not None]


def test_first_come_first_served_within_a_lane() -> None:
    room = Room()
    keys = [room.put(look, "found") for _ in range(5)]
    assert room.take(9) == keys
    assert len(room.backlog) == 0


def test_old_and_new_take_turns_by_their_weights() -> None:
    room = Room()
    old = [room.put(look, "found") for _ in range(50)]
    new = [room.put(look, "pushed") for _ in range(50)]
    first = room.take(20)
    assert (len(set(first) & set(old)), len(set(first) & set(new))) == (5, 15)


def test_a_lane_that_was_empty_gets_no_credit_for_it() -> None:
    room = Room()
    old = {room.put(look, "found") for _ in range(100)}
    room.take(50)
    new = {room.put(look, "pushed") for _ in range(50)}
    assert len(set(room.take(20)) & new) == pytest.approx(15, abs=1)
    assert old


def test_slow_tasks_leave_the_same_slot_time_to_quick_ones() -> None:
    room = Room(lasts={"flow.look": 1.0, "flow.touch": 0.1})
    slow = {room.put(look, "found") for _ in range(100)}
    quick = {room.put(touch, "found") for _ in range(100)}
    taken = Counter("slow" if key in slow else "quick" for key in room.take(55))
    assert taken == {"slow": 5, "quick": 50}
    assert quick


def test_urgent_ones_first_by_what_is_due_and_late_ones_after_those_in_time() -> None:
    room = Room()
    room.put(call, "found")
    tomorrow = room.put(call, "found", due=24 * HOUR)
    late = room.put(call, "found", due=-60)
    later = room.put(call, "pushed", due=1_800)
    soon = room.put(call, "found", due=60)
    assert room.take(3) == [soon, later, late]
    assert tomorrow in room.take(2)


def test_long_overdue_ones_wait_their_turn() -> None:
    room = Room()
    first = room.put(call, "found")
    overdue = room.put(call, "found", due=-2 * HOUR)
    assert room.take(2) == [first, overdue]


def test_urgent_ones_cannot_starve_the_others() -> None:
    room = Room()
    ordinary = {room.put(call, "found") for _ in range(20)} | {room.put(look, "pushed") for _ in range(20)}
    for _ in range(100):
        room.put(call, "pushed", due=60)
    taken = room.take(40)
    assert len(set(taken) & ordinary) == 40 // ORDINARY_TURN
    assert not set(taken[: ORDINARY_TURN - 1]) & ordinary


def test_types_at_their_limit_are_passed_over() -> None:
    room = Room()
    room.put(look, "found")
    room.put(call, "pushed", due=60)
    other = room.put(touch, "found")
    chosen = room.backlog.take(lambda job_type: job_type == "flow.touch")
    assert chosen is not None
    assert chosen.job.key == other
    assert room.backlog.take(lambda job_type: False) is None


@pytest.mark.parametrize("broken", [{"due_at": "soon"}, {"due_at": {"a": 1}}])
def test_broken_variables_are_not_urgent_and_not_lost(broken: dict[str, object]) -> None:
    room = Room()
    key = room.put(call, "found", variables=broken)
    assert room.take(1) == [key]


def test_room_is_shared_by_the_lanes_in_use_and_bounded_for_all() -> None:
    room = Room(most=40)
    alone, other = room.backlog.lane(look, "found"), room.backlog.lane(touch, "pushed")
    assert room.backlog.room(alone) == 20  # half, so that there is room for who comes
    for _ in range(20):
        room.put(look, "found")
    assert room.backlog.room(alone) == 0
    assert room.backlog.room(other) == 40 // 3
    for _ in range(13):
        room.put(touch, "pushed")
    assert room.backlog.room(other) == 0
    assert room.backlog.room(alone) < 0  # it has more than its share now, and takes none till it is below
    third = room.backlog.lane(call, "found")
    assert room.backlog.room(third) == 40 - 20 - 13
    for _ in range(7):
        room.put(call, "found")
    assert room.backlog.room(room.backlog.lane(call, "pushed")) == FEWEST


def test_no_more_waits_than_can_be_started_soon() -> None:
    room = Room(most=100, lasts={"flow.look": 10.0}, slots=4)
    assert room.backlog.room(room.backlog.lane(look, "found")) == 2  # 4 slots · 5 s / 10 s
    assert room.backlog.room(room.backlog.lane(touch, "found")) == 50


def test_dropped_ones_are_gone() -> None:
    room = Room()
    keys = [room.put(look, "found") for _ in range(3)]
    second = next(one for one in room.backlog if one.job.key == keys[1])
    room.backlog.drop(second)
    room.backlog.drop(second)
    assert room.take(3) == [keys[0], keys[2]]


def test_ages_are_right_whatever_the_clocks_say_and_again_when_one_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.runtime.backlog.time.time", lambda: NOW)
    ages = Ages()

    def age(true: float, ahead: float) -> float:
        """What is made of a job that old, with a time-out of 45 s, if the engine's clock is so far ahead of ours."""
        deadline = round((NOW - true + 45 + ahead) * 1000)
        return round(ages.seconds(Job(1, "flow.look", 1, 1, "p", "look", 1, 3, deadline, {}), 45), 3)

    assert [age(true, 600) for true in (1, 0, 20, 3)] == [0, 0, 20, 3]
    assert age(0, 0) == 600
    for _ in range(CLOCK_MOVED - 1):
        age(0.5, 0)
    assert [age(true, 0) for true in (20, 0.5)] == [20, 0.5]
    for _ in range(3):
        for _ in range(CLOCK_MOVED - 1):
            age(70, 0)  # left behind while we stood still; there are such, but not so many in a row
        assert age(1.5, 0) == 1.5
