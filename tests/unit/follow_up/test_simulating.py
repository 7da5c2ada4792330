"""The simulation: what it says follows from its assumptions, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

from workers.follow_up.simulating import ASSUMED, Effect, Line, compare


def lines(effect: Effect, **changed: object) -> dict[str, Line]:
    assumed = replace(ASSUMED, **changed)  # type: ignore[arg-type]  # fields by name
    return {line.name: line for line in compare(assumed, effect, seeds=3, days=15, reps=10)}


def test_a_process_that_does_nothing_changes_nothing() -> None:
    found = lines(Effect(0, 0))
    for line in found.values():
        assert line.without == line.with_process
        assert line.fewer.mean == 0


def test_the_more_it_helps_the_fewer_are_missed() -> None:
    missed = [lines(Effect(share, share))["missed"].with_process.mean for share in (0.0, 0.3, 0.6, 0.9)]
    assert missed == sorted(missed, reverse=True)
    assert missed[-1] < missed[0] / 2


def test_those_who_forget_nothing_and_are_never_away_miss_little_without_it() -> None:
    found = lines(Effect(0.6, 0.6), remembered=(1_000_000.0, 0.001), absences_a_day=0.0, slots_a_day=50.0)
    assert found["missed"].without.mean < 0.5


def test_the_same_seeds_give_the_same_figures() -> None:
    assert lines(Effect(0.6, 0.6)) == lines(Effect(0.6, 0.6))
