"""What compose file and chart say to Fairlead, held against its command line and its settings."""

from __future__ import annotations

import json
from typing import Any

import typer
from typer.core import TyperGroup

from workers.__main__ import build
from workers.engine.programs import FORECASTER_TASKS, PLANNER_TASKS, SCORING_TASK, UPKEEP_TASKS
from workers.runtime.discovery import all_job_types
from workers.settings import Settings, variable

APART = {
    "scorer": {SCORING_TASK},
    "upkeep": set(UPKEEP_TASKS),
    "forecaster": set(FORECASTER_TASKS),
    "planner": set(PLANNER_TASKS),
}
"""The groups of tasks with libraries of their own, as `fairlead up` has them."""
GROUPS = APART | {"worker": set(all_job_types()) - set().union(*APART.values())}
PROCESS_PORTS = {
    "gateway": "gateway",
    "dispatcher": "dispatcher_metrics",
    "healing": "healing_metrics",
    "readmodel": "readmodel_metrics",
    "predictor": "predictor_metrics",
    "events": "events_metrics",
    "worker": "worker_metrics",
    "scorer": "scorer_metrics",
    "upkeep": "upkeep_metrics",
    "forecaster": "forecaster_metrics",
    "planner": "planner_metrics",
}
"""Process → name of its port in `settings.Ports`."""


def understood(words: list[str]) -> dict[str, Any]:
    """The parameters of a command line, parsed by the real one; it refuses what it does not know."""
    command = typer.main.get_command(build(words))
    context = command.make_context("fairlead", list(words))
    while isinstance(command, TyperGroup):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)
    return context.params


def served(parameters: dict[str, Any]) -> set[str]:
    """The task types that a `worker run` serves."""
    named = set(all_job_types()) if parameters["everything"] else set(parameters["tasks"])
    return named - set(parameters["excluded"] or [])


def check_settings(given: dict[str, str]) -> Settings:
    """All variables are settings, and the values are such that the settings take them."""
    assert set(given) <= _variables(Settings, ())
    values: dict[str, Any] = {}
    for name, value in given.items():
        *sections, last = name.removeprefix("FAIRLEAD_").lower().split("__")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = json.loads(value) if value.startswith(("{", "[")) else value
    return Settings(**values)


def _variables(model: Any, path: tuple[str, ...]) -> set[str]:  # Any: a class of pydantic's
    found = set()
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            found |= _variables(field.annotation, (*path, name))
        else:
            found.add(variable((*path, name)))
    return found
