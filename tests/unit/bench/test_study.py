from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.bench.study.cases import CASES, Case, until
from workers.cli.bench import app
from workers.runtime.discovery import find

BPMN = Path(__file__).parents[3] / "bpmn"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_scripts_are_the_tasks_of_the_process_in_its_order(case: Case) -> None:
    diagram = (BPMN / f"{case.process}.bpmn").read_text()
    first: dict[str, int] = {}
    for at, job_type in enumerate(re.findall(r'taskDefinition type="([^"]+)"', diagram)):
        first.setdefault(job_type, at)
    assert len(set(case.steps)) == len(case.steps)
    for job_type in case.steps:
        assert find(job_type).job_type == job_type
        assert job_type in first


def test_all_four_tasks_of_the_study_are_done() -> None:
    assert [case.study for case in CASES] == [(12.4, 3.2), (45.8, 19.5), (29.3, 10.8), (18.6, 6.1)]


async def test_waiting_ends_with_what_is_waited_for_or_with_the_time() -> None:
    answers = iter([False, False, True])

    async def finished() -> bool:
        return next(answers)

    async def never() -> bool:
        return False

    assert await until(finished, 60, 0.001)
    assert not await until(never, 0.01, 0.001)


def test_a_task_that_is_not_there_is_refused() -> None:
    done = CliRunner().invoke(app, ["study", "--task", "knitting"])
    assert done.exit_code == 2
    assert "lead assignment" in done.output
