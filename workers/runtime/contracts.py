"""What a task promises to diagrams, as plain JSON: the schemas of its input and output, and how it is run.

Contracts are read from the code, never written by hand; `contracts_files` keeps the committed copies, and
`contracts_changes` holds today's against those of the last release.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import textwrap
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from workers.runtime import discovery
from workers.runtime.task import Contract, Effect, TaskSpec

Schema = dict[str, Any]  # Any: JSON

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class ErrorContract(TypedDict):
    """A business error that a diagram may catch."""

    code: str
    description: str


class TaskContract(TypedDict):
    """Everything of a task that a diagram or a running instance may rely on."""

    job_type: str
    description: str
    effect: Effect
    business_id: str
    loop: str | None
    undoes: str | None
    after_close: bool
    timeout_seconds: float
    tries: int
    errors: list[ErrorContract]
    input: Schema
    """JSON Schema, draft 2020-12, of the variables that the task reads."""
    output: Schema
    """JSON Schema, draft 2020-12, of the variables that it leaves in the process."""


def contracts(root: str = discovery.ROOT) -> dict[str, TaskContract]:
    """The contracts of all tasks by job type, sorted; imports every task."""
    return {job_type: contract(discovery.find(job_type, root)) for job_type in discovery.all_job_types(root)}


def contract(spec: TaskSpec) -> TaskContract:
    """The contract of one task."""
    return TaskContract(
        job_type=spec.job_type,
        description=_first_paragraph(inspect.getmodule(spec.function)),
        effect=spec.effect,
        business_id=spec.business_id,
        loop=spec.loop,
        undoes=spec.undoes,
        after_close=spec.after_close,
        timeout_seconds=spec.timeout_seconds,
        tries=spec.retry.tries,
        errors=[ErrorContract(code=error.code, description=_first_paragraph(error)) for error in spec.errors],
        input=_schema(spec, spec.input_model, "input"),
        output=_schema(spec, spec.output_model, "output"),
    )


def by_context(given: Mapping[str, TaskContract]) -> dict[str, list[TaskContract]]:
    """Contracts grouped by their context."""
    grouped: dict[str, list[TaskContract]] = {}
    for job_type, each in given.items():
        grouped.setdefault(job_type.split(".")[0], []).append(each)
    return grouped


def name_of(task: TaskContract) -> str:
    """The task's name without its context."""
    return task["job_type"].split(".")[1]


def title(name: str) -> str:
    """A name in words: ``assign_owner`` is "Assign owner"."""
    return name.replace("_", " ").capitalize()


def _schema(spec: TaskSpec, model: type[Contract], side: Literal["input", "output"]) -> Schema:
    mode: JsonSchemaMode = "validation" if side == "input" else "serialization"
    schema = model.model_json_schema(schema_generator=_Described, mode=mode)
    return {"$schema": DIALECT, "$id": f"urn:fairlead:contract:{spec.job_type}:{side}"} | schema


class _Described(GenerateJsonSchema):
    """Fields carry the text below them in the code as their description, and no title that repeats their name."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        # A result is dumped with all its fields, those at their default included.
        dumped = self.mode == "serialization" and field["type"] != "typed-dict-field"
        return dumped or super().field_is_required(field, total)

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        return _describe(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> Schema:
        return _describe(super().dataclass_schema(schema), schema["cls"])


def _describe(schema: Schema, cls: type) -> Schema:
    for name, text in _field_texts(cls).items():
        if name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", text)
    return schema


@functools.cache
def _field_texts(cls: type) -> dict[str, str]:
    """The texts below a class's annotated attributes, those of its bases included."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(("builtins", "pydantic", "abc", "typing")):
            continue
        (found,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        body = found.body if isinstance(found, ast.ClassDef) else []
        for field, below in itertools.pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                texts[field.target.id] = _one_line(below.value.value)
    return texts


def _first_paragraph(documented: object) -> str:
    return _one_line((inspect.getdoc(documented) or "").split("\n\n")[0])


def _one_line(text: str) -> str:
    return " ".join(text.split())
