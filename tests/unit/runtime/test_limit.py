"""The limits on running jobs, on a worker whose latency is a function of how many run; time is the test's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from workers.runtime.limit import WINDOW_SECONDS, Limit, Limits

MOST = 32


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


class Busy:
    """A worker with always more to do than it may run, simulated job by job."""

    def __init__(self, latency: Callable[[int], float], kind: str = "a") -> None:
        self.clock = Clock()
        self.latency = latency
        self.kind = kind
        self.limits = Limits(MOST, [kind], self.clock)
        self.done = 0
        self._running: list[tuple[float, float]] = []

    @property
    def limit(self) -> int:
        return self.limits.of(self.kind)

    def run(self, seconds: float, *, at_once: int = MOST) -> float:
        """Go on for so long; jobs done a second."""
        end, before = self.clock.time + seconds, self.done
        while True:
            while self.limits.may_start(self.kind) and len(self._running) < at_once:
                started = self.limits.start(self.kind)
                self._running.append((started + self.latency(len(self._running) + 1), started))
            self._running.sort()
            if self._running[0][0] > end:
                self.clock.time = end
                return (self.done - before) / seconds
            self.clock.time, started = self._running.pop(0)
            self.limits.end(self.kind, started, "completed")
            self.done += 1


def steady(running: int) -> float:
    """Waits for others, needs no processor."""
    return 0.05


def one_core(running: int) -> float:
    """3 ms of waiting beside 1.5 ms of processor: full at 3 jobs, from there on latency grows and throughput does not."""
    return max(0.0045, 0.0015 * running)


@pytest.mark.parametrize("latency", [steady, one_core])
def test_healthy_worker_is_not_throttled(latency: Callable[[int], float]) -> None:
    worker = Busy(latency)
    worker.run(60, at_once=1)  # a quiet time first, so that the average is that of an idle worker
    fixed = MOST / latency(MOST)
    assert worker.run(5) >= 0.95 * fixed  # also in the change
    assert worker.run(300) >= 0.95 * fixed


def test_limit_falls_when_latency_rises_and_comes_back_quickly() -> None:
    worker = Busy(steady)
    worker.run(60)
    assert worker.limit == MOST
    worker.latency = lambda running: 0.5
    worker.run(20)
    assert worker.limit <= MOST // 4
    worker.latency = steady
    worker.run(10)
    assert worker.limit == MOST


def test_long_change_becomes_the_new_normal() -> None:
    worker = Busy(steady)
    worker.run(60)
    worker.latency = lambda running: 0.15
    worker.run(5)
    assert worker.limit < MOST
    worker.run(600)
    assert worker.limit == MOST


def test_idle_worker_keeps_its_limit() -> None:
    worker = Busy(steady)
    worker.run(60)
    worker.latency = lambda running: 1.0
    worker.run(60, at_once=2)
    assert worker.limit == MOST


def test_tasks_of_different_durations_have_their_own_normal() -> None:
    clock = Clock()
    limits = Limits(MOST, ["quick", "slow"], clock)
    for _ in range(300):
        quick = [limits.start("quick") for _ in range(16)]
        clock.time += 0.005
        for started in quick:
            limits.end("quick", started, "completed")
        slow = [limits.start("slow") for _ in range(16)]
        clock.time += 5.0
        for started in slow:
            limits.end("slow", started, "completed")
    assert (limits.of("quick"), limits.of("slow")) == (MOST, MOST)
    assert limits.typical("quick") == pytest.approx(0.005)
    assert limits.typical("slow") == pytest.approx(5.0)


def test_slow_dependency_takes_nothing_from_other_tasks() -> None:
    clock = Clock()
    limits = Limits(MOST, ["crm", "other"], clock)
    seconds = {"crm": 0.05, "other": 0.05}
    for turn in range(115):
        seconds["crm"] = 0.05 if turn < 100 else 2.0
        for kind, lasts in seconds.items():
            started = [limits.start(kind) for _ in range(limits.of(kind))]
            clock.time += lasts
            for one in started:
                limits.end(kind, one, "completed")
    assert limits.of("crm") < MOST // 2
    assert limits.of("other") == limits.total == MOST


def test_quick_failures_do_not_lower_the_normal() -> None:
    worker = Busy(steady)
    worker.run(60)
    before = worker.limits.typical("a")
    for _ in range(500):
        started = worker.limits.start("a")
        worker.clock.time += 0.001
        worker.limits.end("a", started, "retry")
    assert worker.limits.typical("a") == before


def test_back_pressure_cuts_once_a_window_down_to_one_and_room_comes_back() -> None:
    worker = Busy(steady, "pressed")
    worker.run(5)
    for _ in range(50):  # all of one burst
        worker.limits.refused()
    assert worker.limits.total == int(MOST * 0.7)
    for _ in range(50):
        worker.clock.time += WINDOW_SECONDS
        worker.limits.refused()
    assert worker.limits.total == 1
    assert shown("all") == 1
    worker.run(12)
    assert worker.limits.total == worker.limit == MOST
    assert shown("all") == MOST
    for why in ("backpressure", "room"):
        labels = {"task": "all", "why": why}
        assert REGISTRY.get_sample_value("fairlead_worker_limit_changes_total", labels)


def shown(name: str) -> float | None:
    return REGISTRY.get_sample_value("fairlead_worker_limit", {"task": name})


def test_limit_is_never_above_its_bound_nor_below_one() -> None:
    clock = Clock()
    limit = Limit(1, now=clock)
    for _ in range(100):
        clock.time += 1
        limit.ended(1, 0.1)
        limit.refused()
        assert limit.value == 1


def test_may_start_counts_each_type_and_all() -> None:
    limits = Limits(2, ["a", "b"], Clock())
    limits.start("a")
    assert limits.may_start("a")
    first = limits.start("b")
    assert not limits.may_start("a")
    limits.end("b", first, None)
    assert limits.may_start("a")
