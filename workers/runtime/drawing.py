"""What a BPMN diagram says of its elements, as far as the engine looks at it when an instance changes its version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

_BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
_ZEEBE = "{http://camunda.org/schema/zeebe/1.0}"
_LINES = (f"{_BPMN}incoming", f"{_BPMN}outgoing")

TYPES = {
    "startEvent": "START_EVENT",
    "endEvent": "END_EVENT",
    "intermediateCatchEvent": "INTERMEDIATE_CATCH_EVENT",
    "intermediateThrowEvent": "INTERMEDIATE_THROW_EVENT",
    "boundaryEvent": "BOUNDARY_EVENT",
    "task": "TASK",
    "manualTask": "MANUAL_TASK",
    "serviceTask": "SERVICE_TASK",
    "userTask": "USER_TASK",
    "sendTask": "SEND_TASK",
    "receiveTask": "RECEIVE_TASK",
    "scriptTask": "SCRIPT_TASK",
    "businessRuleTask": "BUSINESS_RULE_TASK",
    "callActivity": "CALL_ACTIVITY",
    "subProcess": "SUB_PROCESS",
    "exclusiveGateway": "EXCLUSIVE_GATEWAY",
    "parallelGateway": "PARALLEL_GATEWAY",
    "inclusiveGateway": "INCLUSIVE_GATEWAY",
    "eventBasedGateway": "EVENT_BASED_GATEWAY",
}
"""Zeebe's name (`BpmnElementType`) of each kind of flow node."""


class NoDrawing(ValueError):
    """It is no BPMN diagram with one process."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One flow node."""

    id: str
    name: str
    type: str
    """As Zeebe names it, for instance ``SERVICE_TASK``; of one that runs over a list, the type of what runs."""
    scope: str
    """Id of the process or subprocess it lies in."""
    host: str | None
    """Of a boundary event: the activity it is attached to."""
    event: str | None
    """Kind of its event definition, as Zeebe names it: ``TIMER``, ``MESSAGE``, …"""
    message: str | None
    """Name of the message it waits for."""
    job_type: str | None
    """Of the job that it makes; None: none."""
    loop: str | None
    """``parallel`` or ``sequential``, if it runs over a list."""
    handler: str | None
    """Of a compensation boundary event: the activity that undoes."""
    content: str
    """Canonical XML (W3C C14N 2.0) of the element with all in it: equal in two versions if nothing of it changed
    but the lines around it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sequence flow."""

    id: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """One process."""

    process: str
    shapes: dict[str, Shape]
    lines: dict[str, Line]

    def attached(self, element: str) -> list[Shape]:
        """Boundary events on an activity."""
        return [shape for shape in self.shapes.values() if shape.host == element]

    def by_event(self, scope: str) -> list[Shape]:
        """Start events of the event subprocesses that lie in a process or subprocess."""
        inner = {one.id for one in self.shapes.values() if one.type == "EVENT_SUB_PROCESS" and one.scope == scope}
        return [shape for shape in self.shapes.values() if shape.type == "START_EVENT" and shape.scope in inner]

    def into(self, element: str) -> set[str]:
        """Ids of the sequence flows that end at an element."""
        return {line.id for line in self.lines.values() if line.target == element}

    def after(self, element: str) -> list[str]:
        """The elements that sequence flows lead to."""
        return [line.target for line in self.lines.values() if line.source == element]

    def joins(self) -> list[Shape]:
        """Gateways that wait until all, or several, have come."""
        waiting = {"PARALLEL_GATEWAY", "INCLUSIVE_GATEWAY"}
        return [shape for shape in self.shapes.values() if shape.type in waiting and len(self.into(shape.id)) > 1]

    def reached(self, start: str) -> set[str]:
        """All elements of the same scope that can follow, boundary events of the activities on the way included."""
        todo, seen = [start], set[str]()
        while todo:
            element = todo.pop()
            for following in [*self.after(element), *(event.id for event in self.attached(element))]:
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
        return seen


def read_drawing(content: str | bytes) -> Drawing:
    """The process of a diagram.

    Raises:
        NoDrawing: it can't be read, or holds none or several processes.
    """
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - our own models, or what the engine has accepted
    except ElementTree.ParseError as error:
        raise NoDrawing(f"It is no XML: {error}.") from None
    processes = root.findall(f"{_BPMN}process")
    if len(processes) != 1:
        raise NoDrawing(f"It has {len(processes)} processes; one is expected.")
    (process,) = processes
    name = process.get("id", "")
    messages = {one.get("id"): one.get("name") for one in root.findall(f"{_BPMN}message")}
    handlers = {
        one.get("sourceRef", ""): one.get("targetRef", "")
        for one in process.iter(f"{_BPMN}association")
        if one.get("associationDirection") == "One"
    }
    shapes = {shape.id: shape for shape in _shapes(process, name, messages, handlers)}
    lines = {
        one.get("id", ""): Line(one.get("id", ""), one.get("sourceRef", ""), one.get("targetRef", ""))
        for one in process.iter(f"{_BPMN}sequenceFlow")
    }
    return Drawing(name, shapes, lines)


def _shapes(
    scope: ElementTree.Element, scope_id: str, messages: dict[str | None, str | None], handlers: dict[str, str]
) -> Iterator[Shape]:
    for element in scope:
        kind = TYPES.get(element.tag.removeprefix(_BPMN))
        if kind is None:
            continue
        shape = _shape(element, kind, scope_id, messages, handlers)
        yield shape
        if kind == "SUB_PROCESS":
            yield from _shapes(element, shape.id, messages, handlers)


def _shape(
    element: ElementTree.Element,
    kind: str,
    scope: str,
    messages: dict[str | None, str | None],
    handlers: dict[str, str],
) -> Shape:
    definitions = [one for one in element if one.tag.endswith("EventDefinition")]
    event = definitions[0].tag.removeprefix(_BPMN).removesuffix("EventDefinition") if definitions else None
    refs = [one.get("messageRef") for one in definitions if one.get("messageRef")] or [element.get("messageRef")]
    loop = element.find(f"{_BPMN}multiInstanceLoopCharacteristics")
    job = element.find(f"{_BPMN}extensionElements/{_ZEEBE}taskDefinition")
    found = element.get("id", "")
    if kind == "SUB_PROCESS" and element.get("triggeredByEvent") == "true":
        kind = "EVENT_SUB_PROCESS"
    return Shape(
        id=found,
        name=" ".join(element.get("name", "").split()),
        type=kind,
        scope=scope,
        host=element.get("attachedToRef"),
        event={"compensate": "COMPENSATION"}.get(event, event.upper()) if event else None,
        message=messages.get(refs[0]) if refs[0] else None,
        job_type=job.get("type") if job is not None else None,
        loop=None if loop is None else "sequential" if loop.get("isSequential") == "true" else "parallel",
        handler=handlers.get(found),
        content=ElementTree.canonicalize(
            ElementTree.tostring(element, encoding="unicode"), strip_text=True, exclude_tags=_LINES
        ),
    )


def entries(drawing: Drawing) -> tuple[frozenset[str], str | None]:
    """The elements with a job at which a new instance first waits; and why there is another way, if there is.

    What lies between the start and such an element is run by the version that the engine starts, whichever it is. So
    nothing may be decided there.
    """
    found, odd = set[str](), None
    starts = [one for one in drawing.shapes.values() if one.type == "START_EVENT" and one.scope == drawing.process]
    todo, seen = [after for start in starts for after in drawing.after(start.id)], set[str]()
    while todo:
        element = todo.pop()
        if element in seen:
            continue
        seen.add(element)
        shape = drawing.shapes[element]
        ways = drawing.after(element)
        if shape.job_type and shape.loop is None:
            found.add(element)
        elif shape.type == "PARALLEL_GATEWAY" or (shape.type.endswith("CLUSIVE_GATEWAY") and len(ways) == 1):
            todo += ways
        else:
            odd = f"{element} comes before the first task that a worker does"
    return frozenset(found), odd
