"""Finds tasks by their names. Nothing but the task asked for, and what it needs, is imported."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from workers.runtime.resources import Chores, Regular, Resources, Wiring
from workers.runtime.task import REGISTRY, TaskSpec

ROOT = "workers"
"""The package whose sub-packages are the contexts."""


class UnknownTask(LookupError):
    """There is no task of that name."""

    def __init__(self, job_type: str, known: list[str]) -> None:
        near = difflib.get_close_matches(job_type, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "`fairlead worker list` shows all tasks."
        super().__init__(f"There is no task {job_type}. {hint}")


def all_job_types(root: str = ROOT) -> list[str]:
    """Every job type there is, sorted; found by listing files, without importing them."""
    return sorted(
        f"{module.parent.parent.name}.{module.stem}"
        for module in _folder(root).glob("*/tasks/*.py")
        if not module.stem.startswith("_")
    )


def contexts(root: str = ROOT) -> list[str]:
    """Every context that has a `wiring.py`, sorted."""
    return sorted(module.parent.name for module in _folder(root).glob("*/wiring.py"))


def find(job_type: str, root: str = ROOT) -> TaskSpec:
    """The task of that job type; its module is imported if it wasn't yet.

    Raises:
        UnknownTask: there is no such module; the message names the nearest one.
        TypeError: the module does not define the task by `@task`.
    """
    known = all_job_types(root)
    if job_type not in known:
        raise UnknownTask(job_type, known)
    context, name = job_type.split(".")
    importlib.import_module(f"{root}.{context}.tasks.{name}")
    if job_type not in REGISTRY:
        raise TypeError(f"{root}/{context}/tasks/{name}.py must define `@task(…) async def {name}(given, ports)`.")
    return REGISTRY[job_type]


def undoing(context: str, root: str = ROOT) -> list[TaskSpec]:
    """The compensation handlers of a context; imports all its tasks."""
    tasks = (find(job_type, root) for job_type in all_job_types(root) if job_type.startswith(f"{context}."))
    return [spec for spec in tasks if spec.undoes is not None]


def wiring(context: str, root: str = ROOT) -> Wiring:
    """The context's `wiring` module."""
    return cast("Wiring", importlib.import_module(f"{root}.{context}.wiring"))


def chores(context: str, resources: Resources, root: str = ROOT) -> Sequence[Regular]:
    """What the context has done now and then; most have nothing."""
    found: Chores | None = getattr(wiring(context, root), "chores", None)
    return found(resources) if found is not None else ()


def _folder(root: str) -> Path:
    spec = importlib.util.find_spec(root)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"The package {root} can't be found.")
    return Path(next(iter(spec.submodule_search_locations)))
