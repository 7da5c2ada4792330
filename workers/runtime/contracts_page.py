"""The page `docs/tasks.md`: every task on one line, made from the contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from workers.runtime.contracts import TaskContract, by_context, name_of, title

_HEAD = """<!-- Made by `fairlead contracts generate`; change the tasks, not this page. -->
# Tasks
What an analyst may put on a diagram, and what the workers of this version do with it. In Camunda Modeler each task is
offered under its name (“Append element”, or “Template” in the properties panel); without the template, make a service
task with the job type. Then give it the task's name as its id (group “General”), with `__<place>` after it where a
diagram uses the task more than once. A field that is left empty takes the process variable of its name.

![Camunda Modeler with a task and its fields](pictures/element_template.png)

- **Reads**: variables of the process, by these names, or given by an input mapping. Those after “may use” can be
  missing.
- **Gives**: variables that the process has afterwards. They need no output mapping.
- **Errors**: what a boundary event may catch.
- **Done**: how often it acts, however often the engine delivers the job. “Once” is counted for the variables named.
- **Within**: the job's time-out in seconds. Every task has so many **tries** before an incident.

The name leads to the contract: JSON Schemas (draft 2020-12) of what is read and given.
"""


def page(contracts: Mapping[str, TaskContract]) -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(_context(context, tasks) for context, tasks in by_context(contracts).items())])


def _context(context: str, tasks: Sequence[TaskContract]) -> str:
    rows = [
        f"## {title(context)}",
        f"Job types are `{context}.<name>`.",
        "",
        "| task | what it does | reads | gives | errors | done | within (tries) |",
        "|---|---|---|---|---|---|---|",
        *(_row(context, task) for task in tasks),
        "",
    ]
    return "\n".join(rows)


def _row(context: str, task: TaskContract) -> str:
    name = name_of(task)
    cells = (
        f"[`{name}`](contracts/{context}/{name}.json)",
        _does(task),
        _reads(task),
        _names(task["output"].get("properties", {})),
        _names(error["code"] for error in task["errors"]),
        _done(task),
        f"{task['timeout_seconds']:g} ({task['tries']})",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _does(task: TaskContract) -> str:
    said = task["description"]
    if task["undoes"] is not None:
        said += f" Undoes `{task['undoes']}`."
    if task["after_close"]:
        said += " Acts on withdrawn cases too."
    return said


def _reads(task: TaskContract) -> str:
    required = task["input"].get("required", [])
    needed = _names(required)
    optional = _names(name for name in task["input"].get("properties", {}) if name not in required)
    return f"{needed}; may use {optional}" if optional else needed


def _done(task: TaskContract) -> str:
    match task["effect"]:
        case "once":
            return "once for each " + " and ".join(f"`{key}`" for key in (task["business_id"], task["loop"]) if key)
        case "idempotent":
            return "again without harm"
        case "none":
            return "reads only"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
