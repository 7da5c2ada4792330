"""Who writes and who reads each variable of a process, and in which order."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from tests.bindings.models import Decision, Diagram, Form, Node, data_of, paths
from workers.runtime.task import TaskSpec

Point = tuple[str, str]
"""Before ("in") or after ("out") a node."""


@dataclass(frozen=True)
class Read:
    """A variable that a node reads."""

    node: str
    path: str
    needed: bool
    """It must have been written on every way there."""

    @property
    def variable(self) -> str:
        return self.path.split(".")[0]


class Graph:
    """The ways through a diagram, boundary events, compensation and event subprocesses included."""

    def __init__(self, diagram: Diagram) -> None:
        self.next: dict[Point, set[Point]] = {}
        inner = {node.scope for node in diagram.nodes.values()} - diagram.by_event
        for node in diagram.nodes.values():
            if node.id not in inner or node.collection:  # nothing of a subprocess runs where its collection is empty
                self._edge(("in", node.id), ("out", node.id))
            if node.collection and node.id not in inner:
                self._edge(("out", node.id), ("in", node.id))
            if node.host:  # compensation follows the finished activity, every other event interrupts a running one
                side = "out" if node.event == "compensate" else "in"
                self._edge((side, node.host), ("in", node.id))
            if node.kind == "startEvent" and node.scope in diagram.nodes and node.scope in inner:
                self._edge(("in", node.scope), ("in", node.id))
            if node.kind == "endEvent" and node.scope in inner and node.scope in diagram.nodes:
                self._edge(("out", node.id), ("out", node.scope))
                if diagram.nodes[node.scope].collection:
                    self._edge(("out", node.id), ("in", node.scope))
            if node.kind == "startEvent" and node.scope in diagram.by_event:
                for other in diagram.nodes.values():
                    if other.scope == diagram.id:
                        # Before its start event has passed on the message there is nothing to interrupt.
                        self._edge(("out" if other.kind == "startEvent" else "in", other.id), ("in", node.id))
        for flow in diagram.flows:
            self._edge(("out", flow.source), ("in", flow.target))
        for event, handler in diagram.compensations.items():
            self._edge(("out", event), ("in", handler))
        self.starts = [n.id for n in diagram.nodes.values() if n.kind == "startEvent" and n.scope == diagram.id]

    def _edge(self, source: Point, target: Point) -> None:
        self.next.setdefault(source, set()).add(target)

    def reached(self, starts: Iterable[Point], without: Iterable[Point] = ()) -> set[Point]:
        """All points that can be reached from ``starts`` without passing ``without``."""
        blocked = set(without)
        todo, seen = [p for p in starts if p not in blocked], set[Point]()
        while todo:
            point = todo.pop()
            if point not in seen:
                seen.add(point)
                todo += [p for p in self.next.get(point, ()) if p not in blocked]
        return seen

    def repeats(self, node: str) -> bool:
        """Whether the node can be reached again after it."""
        return ("in", node) in self.reached([("out", node)])


def writes(diagram: Diagram, node: Node, tasks: Mapping[str, TaskSpec], sent: Mapping[str, set[str]]) -> set[str]:
    """Variables that a node leaves in the process; the start of a subprocess those that the subprocess begins with."""
    scope = diagram.nodes.get(node.scope)
    if node.kind == "startEvent" and scope is not None and not scope.by_event:
        return set(scope.inputs) | ({scope.element} if scope.element else set())
    if node.gathers:
        return {node.gathers}
    if node.outputs:
        return set(node.outputs)
    if node.message:
        return sent[node.message]
    if node.result:
        return {node.result}
    return set(tasks[node.job_type].output_model.model_fields) if node.job_type else set()


def reads(
    diagram: Diagram,
    node: Node,
    tasks: Mapping[str, TaskSpec],
    decisions: Mapping[str, Decision],
    forms: Mapping[str, Form],
) -> list[Read]:
    """Variables of the process that a node reads."""
    found: list[Read] = []
    local = set(node.inputs)
    for own in (node.element, node.result if node.outputs or node.gathers else None):
        local |= {own} if own else set()

    def add(wanted: Iterable[str], *, needed: bool) -> None:
        found.extend(Read(node.id, path, needed) for path in wanted if path.split(".")[0] not in local)

    add(paths(node.collection or "") | paths(node.gathered), needed=True)
    for source in node.inputs.values():
        found.extend(Read(node.id, path, f"{path} = null" not in source) for path in paths(source))
    for expression in node.expressions:
        add(paths(expression), needed=True)
    for flow in diagram.flows:
        if flow.source == node.id and flow.condition:
            add(paths(flow.condition), needed=True)
    if node.decision:
        add(data_of(node.decision, dict(decisions)), needed=True)
    if node.form:
        form = forms[node.form]
        local |= {key.split(".")[0] for key in form.fields}
        add(form.reads, needed=False)
    if node.event not in {"error", "message"}:  # their outputs read what the error or the message brings along
        for source in node.outputs.values():
            add(paths(source), needed=True)
    if node.job_type:
        for name, model_field in tasks[node.job_type].input_model.model_fields.items():
            add([name], needed=model_field.is_required())
    return found


def has_path(kind: Any, names: list[str]) -> bool:  # Any: a type annotation
    """Whether a value of the annotated type has the nested fields ``names``."""
    if not names or kind is Any:
        return True
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        return any(has_path(part, names) for part in typing.get_args(kind) if part is not type(None))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        hints = {name: model_field.annotation for name, model_field in kind.model_fields.items()}
    else:
        return False
    return names[0] in hints and has_path(hints[names[0]], names[1:])


def jobs(diagram: Diagram) -> list[Node]:
    """The nodes that workers serve."""
    return [node for node in diagram.nodes.values() if node.job_type]


def writers(diagram: Diagram, tasks: Mapping[str, TaskSpec], sent: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which nodes write each variable."""
    found: dict[str, set[str]] = {}
    for node in diagram.nodes.values():
        for variable in writes(diagram, node, tasks, sent):
            found.setdefault(variable, set()).add(node.id)
    return found


def all_reads(
    diagram: Diagram, tasks: Mapping[str, TaskSpec], decisions: Mapping[str, Decision], forms: Mapping[str, Form]
) -> list[Read]:
    """All that a diagram's nodes read."""
    return [read for node in diagram.nodes.values() for read in reads(diagram, node, tasks, decisions, forms)]


def types_of(diagram: Diagram, tasks: Mapping[str, TaskSpec]) -> dict[str, list[Any]]:  # Any: type annotations
    """What is known of each variable's type: from the tasks that write it and those that read it."""
    found: dict[str, list[Any]] = {}
    for node in jobs(diagram):
        spec = tasks[str(node.job_type)]
        for model in (spec.output_model, spec.input_model):
            for name, model_field in model.model_fields.items():
                found.setdefault(name, []).append(model_field.annotation)
    for node in diagram.nodes.values():
        if node.collection and node.element:
            for kind in found.get(node.collection.removeprefix("="), ()):
                found.setdefault(node.element, []).extend(typing.get_args(kind)[:1])
    return found
