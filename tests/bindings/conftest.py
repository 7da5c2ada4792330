"""Diagrams, tables, forms and tasks, read once."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import pytest

from tests.bindings.models import (
    BPMN_FILES,
    DMN_FILES,
    FORM_FILES,
    ROOT,
    Decision,
    Diagram,
    Form,
    read_decisions,
    read_diagram,
    read_form,
)
from workers.engine.embedded import EmbeddedEngine
from workers.runtime.discovery import all_job_types, find
from workers.runtime.task import TaskSpec
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Decision as Answer
from workers.settings import Settings, Zeebe

Given = dict[str, Any]  # Any: JSON
AT_ONCE = 32
"""Evaluations under way at a time."""


@pytest.fixture(scope="session")
def diagrams() -> dict[str, Diagram]:
    return {diagram.id: diagram for diagram in map(read_diagram, BPMN_FILES)}


@pytest.fixture(scope="session", params=BPMN_FILES, ids=lambda file: file.stem)
def diagram(request: pytest.FixtureRequest, diagrams: Mapping[str, Diagram]) -> Diagram:
    return diagrams[request.param.stem]


@pytest.fixture(scope="session")
def decisions() -> dict[str, Decision]:
    return read_decisions()


@pytest.fixture(scope="session")
def forms() -> dict[str, Form]:
    return {form.id: form for form in map(read_form, FORM_FILES)}


@pytest.fixture(scope="session")
def tasks() -> dict[str, TaskSpec]:
    return {job_type: find(job_type) for job_type in all_job_types()}


@pytest.fixture(scope="session")
def sent_messages() -> dict[str, set[str]]:
    """Messages that our code sends, by name, with their variables.

    They are read from the calls of `send_message` and from payloads of the outbox that are written out.
    """
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "workers").rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for part in ast.walk(function):
                    if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
                        if part.func.id == "send_message":
                            name = part.args[1]
                            assert isinstance(name, ast.Constant), f"{file.name}: give send_message a constant name"
                            found.setdefault(str(name.value), set()).update(_keys(part.args[3], function))
                    elif isinstance(part, ast.Dict):
                        payload = dict(zip(_constants(part), part.values, strict=False))
                        named = payload.get("name")
                        if "correlation_key" in payload and isinstance(named, ast.Constant):
                            found.setdefault(str(named.value), set()).update(_keys(payload["variables"], function))
    return found


def _constants(value: ast.Dict) -> list[str]:
    return [str(key.value) if isinstance(key, ast.Constant) else "" for key in value.keys]


def _keys(value: ast.expr, function: ast.AST) -> set[str]:
    """Keys of a dictionary that is written out where it is used or assigned in the same function."""
    if isinstance(value, ast.Name):
        for assignment in ast.walk(function):
            if isinstance(assignment, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == value.id for target in assignment.targets
            ):
                return _keys(assignment.value, function)
    assert isinstance(value, ast.Dict), "Write the message's variables out as a dictionary."
    return set(_constants(value)) - {""}


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine() as running:
        yield running


class Tables:
    """Evaluates decisions and remembers which rules matched."""

    def __init__(self, client: ZeebeClient) -> None:
        self._client = client

    async def all(self, decision: str, many: Iterable[Given]) -> list[Answer]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(values: Given) -> Answer:
            async with gate:
                return await self._client.evaluate_decision(decision, values)

        return await asyncio.gather(*map(one, many))


@pytest.fixture
async def tables(engine: EmbeddedEngine) -> AsyncIterator[Tables]:
    async with ZeebeClient(Settings(engine="embedded", zeebe=Zeebe(address=engine.address))) as client:
        await client.deploy({file.name: file.read_bytes() for file in [*BPMN_FILES, *DMN_FILES, *FORM_FILES]})
        yield Tables(client)
