"""Element templates for Camunda Modeler, made from contracts: an analyst picks a task by its name, and the job type,
the tries and the inputs are there.

A worker reads each input by its name, so an input needs a mapping only where no process variable has that name. An
empty field therefore makes no mapping. Outputs become process variables of the same names, without a mapping; one whose
schema says `x-mapped` can be given another name.
Format: Camunda's Zeebe element templates, version 8.6 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from workers.runtime.contracts import Schema, TaskContract, name_of, title
from workers.runtime.contracts_schemas import Side

Template = dict[str, Any]  # Any: JSON

_SCHEMA = "https://unpkg.com/@camunda/zeebe-element-templates-json-schema/resources/schema.json"
_FORWARD = "M5 9h7M9 5.5 12.5 9 9 12.5"
_BACK = "M13 9H6M9 5.5 5.5 9 9 12.5"
_FEW = 8
_KIND = {
    "string": "Text",
    "integer": "Whole number",
    "number": "Number",
    "boolean": "True or false",
    "array": "List",
    "object": "Context",
}


def templates(
    context: str, tasks: Sequence[TaskContract], released: Sequence[Template] | None = None
) -> list[Template]:
    """The templates of a context's tasks, and those of released versions that diagrams may still name.

    A template that differs from the last released one gets the next version, so that Modeler offers the update.
    """
    newest: dict[str, Template] = {}
    for each in released or ():
        if each["id"] not in newest or newest[each["id"]]["version"] < each["version"]:
            newest[each["id"]] = each
    today = []
    for task in tasks:
        made = _template(context, task, version=1)
        last = newest.get(made["id"])
        if last is not None:
            version = last["version"]
            made["version"] = version if made | {"version": version} == last else version + 1
        today.append(made)
    known = {(each["id"], each["version"]) for each in today}
    return today + [each for each in released or () if (each["id"], each["version"]) not in known]


def _template(context: str, task: TaskContract, version: int) -> Template:
    name = name_of(task)
    words = title(name)
    undo = task["undoes"] is not None
    inputs = [_input(task, variable, schema) for variable, schema in task["input"].get("properties", {}).items()]
    outputs = [
        _output(variable, schema)
        for variable, schema in task["output"].get("properties", {}).items()
        if schema.get("x-mapped")
    ]
    groups = {"task": "Task", "needs": "Needs", "may_use": "May use", "gives": "Gives"}
    used = {"task"} | {each["group"] for each in [*inputs, *outputs]}
    return {
        "$schema": _SCHEMA,
        "id": f"fairlead.{task['job_type']}",
        "name": words,
        "version": version,
        "description": _description(task),
        "keywords": [name, context, "fairlead", *(error["code"] for error in task["errors"])],
        "category": {"id": f"fairlead.{context}", "name": f"Fairlead: {title(context).lower()}"},
        "icon": {"contents": _icon(_BACK if undo else _FORWARD)},
        "engines": {"camunda": "^8.6"},
        "appliesTo": ["bpmn:Task", "bpmn:ServiceTask"],
        "elementType": {"value": "bpmn:ServiceTask"},
        "groups": [
            {"id": group, "label": label, "openByDefault": group != "may_use"}
            for group, label in groups.items()
            if group in used
        ],
        "properties": [
            {
                "label": "Name",
                "type": "String",
                "group": "task",
                "value": words,
                "constraints": {"notEmpty": True},
                "binding": {"type": "property", "name": "name"},
            },
            _hidden(task["job_type"], {"type": "zeebe:taskDefinition", "property": "type"}),
            _hidden(str(task["tries"]), {"type": "zeebe:taskDefinition", "property": "retries"}),
            *([_hidden(True, {"type": "property", "name": "isForCompensation"})] if undo else []),
            *inputs,
            *outputs,
        ],
    }


def _description(task: TaskContract) -> str:
    said = [task["description"]]
    if task["undoes"] is not None:
        said.append(f"Compensation handler of “{title(task['undoes'])}”.")
    said.append(f"Gives: {', '.join(task['output'].get('properties', {}))}.")
    if task["errors"]:
        said.append(f"May end in the error {', '.join(error['code'] for error in task['errors'])}.")
    return " ".join(said)


def _input(task: TaskContract, variable: str, schema: Schema) -> Template:
    alternatives = Side(schema, task["input"]).alternatives()
    choices = [each.schema.get("const") for each in alternatives]
    needed = variable in task["input"].get("required", ())
    said = [schema.get("description", ""), f"Empty: the process variable {variable}."]
    field: Template = {
        "id": f"input_{variable}",
        "label": variable,
        "group": "needs" if needed else "may_use",
        "optional": True,
        "binding": {"type": "zeebe:input", "name": variable},
    }
    if choices and all(isinstance(choice, str) for choice in choices):
        # Chosen in the diagram, or a variable: the empty choice makes no mapping.
        field |= {
            "type": "Dropdown",
            "choices": [
                {"name": f"the process variable {variable}", "value": ""},
                *({"name": choice, "value": choice} for choice in choices),
            ],
        }
        said.pop()
    else:
        types = {each.type for each in alternatives} - {"null"}
        kinds = sorted({_kind(each) for each in alternatives if each.type != "null"})
        said.insert(1, f"{' or '.join(kinds)}.")
        field |= {"type": "String", "feel": "optional" if types == {"string"} else "required"}
    description = " ".join(part for part in said if part)
    return field | ({"description": description} if description else {})


def _output(variable: str, schema: Schema) -> Template:
    said = [schema.get("description", ""), f"The process variable that gets it. Empty: {variable}."]
    return {
        "id": f"output_{variable}",
        "label": variable,
        "group": "gives",
        "type": "String",
        "optional": True,
        "binding": {"type": "zeebe:output", "source": f"={variable}"},
        "description": " ".join(part for part in said if part),
    }


def _kind(alternative: Side) -> str:
    """What a value is, in FEEL's words; a context's entries are named if they are few."""
    kind = _KIND.get(alternative.type or "", "Any value")
    entries = alternative.schema.get("properties", {})
    return f"{kind} of {', '.join(entries)}" if 0 < len(entries) <= _FEW else kind


def _hidden(value: object, binding: dict[str, str]) -> Template:
    return {"type": "Hidden", "value": value, "binding": binding}


def _icon(arrow: str) -> str:
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='18' height='18' viewBox='0 0 18 18'>"
        "<rect x='1' y='1' width='16' height='16' rx='4' fill='#0f766e'/>"
        f"<path d='{arrow}' fill='none' stroke='#fff' stroke-width='1.8' stroke-linecap='round' "
        "stroke-linejoin='round'/></svg>"
    )
    return f"data:image/svg+xml,{quote(drawing, safe='')}"
