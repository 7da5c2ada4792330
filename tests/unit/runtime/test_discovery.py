"""Tasks are found by name, and the form of a task is held."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.runtime.demo.cases import ROOT
from workers.runtime import discovery
from workers.runtime.task import Contract, task


def test_lists_without_importing_and_finds_by_name() -> None:
    assert discovery.all_job_types(ROOT) == [
        f"flow.{name}" for name in ("book", "call", "fetch", "look", "settle", "touch", "unbook")
    ]
    assert discovery.contexts(ROOT) == ["flow"]
    assert discovery.find("flow.book", ROOT).loop == "turn"
    assert [spec.name for spec in discovery.undoing("flow", ROOT)] == ["unbook"]


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(discovery.UnknownTask, match=r"There is no task flow\.boook\. Did you mean flow\.book\?"):
        discovery.find("flow.boook", ROOT)


class Given(Contract):
    case_id: str
    amount: int


def test_compensation_handler_may_require_no_variable_but_its_identity() -> None:
    async def unpay(given: Given, ports: object) -> Given:
        return given

    unpay.__module__ = "somewhere.pay.tasks.unpay"
    with pytest.raises(TypeError, match=r"handler unpay requires amount"):
        task(business_id="case_id", effect="once", undoes="pay")(unpay)


def test_command_line_says_what_is_wrong() -> None:
    for arguments, said in [
        (["worker", "run"], "Name the tasks to serve"),
        (["worker", "run", "no.such"], "There is no task no.such"),
    ]:
        answer = subprocess.run(
            [sys.executable, "-m", "workers", *arguments], capture_output=True, text=True, check=False, timeout=240
        )
        assert answer.returncode == 2
        assert said in " ".join(answer.stderr.split())
