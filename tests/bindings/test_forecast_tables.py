"""The decision tables of forecast review have neither gaps nor answers that the process does not know."""

from __future__ import annotations

from itertools import product

from pydantic import TypeAdapter

from tests.bindings.conftest import Tables
from tests.bindings.forecast_cases import found, override, release, segment
from workers.forecast_review.domain.needs import Need
from workers.forecast_review.tasks.prepare_repair import HistoryVerdict
from workers.forecast_review.tasks.record_approval import Approval
from workers.forecast_review.tasks.record_release import ReleaseRule


async def test_the_history_verdict_is_always_one_that_the_process_knows(tables: Tables) -> None:
    grid = [
        found(
            errors=errors, repairable=repairable, late_series=late, share_fresh=share, share_repairable=share, why=why
        )
        for errors, repairable, late, share, why in product([0, 1], [0, 1], [0, 9], [0.0, 0.9], [None, "nothing fits"])
    ]
    for answer in await tables.all("history_verdict", grid):
        assert TypeAdapter(HistoryVerdict).validate_python(answer.output).why


async def test_whatever_is_known_of_a_segment_there_is_an_answer(tables: Tables) -> None:
    grid = [
        segment(share=share, uncertainty=unsure, change=change, surprise=surprise, mase=mase, override_bias=bias)
        for share, unsure, change, surprise, mase, bias in product(
            [-0.1, 0.0, 0.004, 0.03, 0.07, 1.0],
            [None, 0.0, 0.05, 0.2, 5.0],
            [None, -0.2],
            [None, 0.3],
            [None, 2.0],
            [None, -0.4],
        )
    ]
    for answer in await tables.all("review_need", grid):
        need = Need(**{"segment": "any", **answer.output})
        assert isinstance(need.review, bool)
        assert need.reviewer_group.startswith("sales-")
        assert need.why
        assert need.priority >= 0
        assert need.review == (need.priority >= 1)


async def test_a_larger_change_never_needs_less(tables: Tables) -> None:
    levels = ["none", "manager", "director", "finance"]
    sizes = [0.0, 0.004, 0.006, 0.03, 0.06, 0.2, 0.4, 2.0]
    answers = await tables.all("override_approval", [override(*pair) for pair in product(sizes, repeat=2)])
    found_levels = dict(
        zip(
            product(sizes, repeat=2),
            (TypeAdapter(Approval).validate_python(one.output) for one in answers),
            strict=True,
        )
    )
    for (moved, share), approval in found_levels.items():
        assert approval.group.startswith("sales-") == (approval.level != "none")
        for more in sizes[sizes.index(moved) :]:
            assert levels.index(found_levels[more, share].level) >= levels.index(approval.level)
        for more in sizes[sizes.index(share) :]:
            assert levels.index(found_levels[moved, more].level) >= levels.index(approval.level)


async def test_a_release_always_has_an_answer(tables: Tables) -> None:
    grid = [
        release(
            change_percent_to_former=former, change_percent_to_base=base, overrides=overrides, conflict_count=conflicts
        )
        for former, base, overrides, conflicts in product([None, -20.0, 0.0, 6.0], [-4.0, 0.0], [0, 3], [0, 2])
    ]
    for values, answer in zip(grid, await tables.all("release_approval", grid), strict=True):
        rule = TypeAdapter(ReleaseRule).validate_python(answer.output)
        facts = values["release_facts"]
        assert (rule.level == "none") == (facts["change_percent_to_former"] == 0.0 and not any(
            facts[name] for name in ("change_percent_to_base", "overrides", "conflict_count")
        ))  # fmt: skip
        assert rule.group.startswith("sales-") == (rule.level != "none")
