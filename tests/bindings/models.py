"""Reads diagrams, tables and forms into plain values, for the tests in this folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

ROOT = Path(__file__).parent.parent.parent
NS = {
    "bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "di": "http://www.omg.org/spec/DD/20100524/DI",
    "zeebe": "http://camunda.org/schema/zeebe/1.0",
    "dmn": "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "dmndi": "https://www.omg.org/spec/DMN/20191111/DMNDI/",
    "dmndc": "http://www.omg.org/spec/DMN/20180521/DC/",
}
LOOP = "bpmn:multiInstanceLoopCharacteristics/bpmn:extensionElements/zeebe:loopCharacteristics"
BPMN_FILES = sorted((ROOT / "bpmn").glob("*.bpmn"))
DMN_FILES = sorted((ROOT / "dmn").glob("*.dmn"))
FORM_FILES = sorted((ROOT / "forms").glob("*.form"))

_WORDS = {"if", "then", "else", "for", "in", "return", "null", "true", "false", "and", "or", "not", "some", "every"}
_PATH = re.compile(r"(?<![\w.])([a-z_]\w*(?:\.[a-z_]\w*)*)(?!\w)(?!\s*[(:])")


def paths(expression: str) -> set[str]:
    """Variable paths that a FEEL expression reads, for instance ``routing.auto``; a constant reads none.

    It knows the part of FEEL that our diagrams and forms use: paths, contexts, calls, `if` and `for`.
    """
    if not expression.startswith("="):
        return set()
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression[1:])
    bare = re.sub(r"\bstring join(?=\()", "join", bare)  # the one name with a space that we call
    local = set(re.findall(r"\bfor\s+(\w+)\s+in\b", bare))
    return {path for path in _PATH.findall(bare) if path.split(".")[0] not in _WORDS | local}


@dataclass(frozen=True)
class Node:
    """One flow node of a diagram."""

    id: str
    kind: str
    name: str
    scope: str
    """Id of the process or subprocess it lies in."""
    host: str | None
    interrupting: bool
    compensates: bool
    """A compensation handler."""
    job_type: str | None
    retries: int
    """How often its job is tried; 3 is Zeebe's default."""
    inputs: dict[str, str]
    """Input mappings: target → source."""
    outputs: dict[str, str]
    decision: str | None
    result: str | None
    form: str | None
    expressions: tuple[str, ...]
    """What else it reads: timers, due date, assignment, correlation."""
    event: str | None
    """Kind of event definition, for instance ``timer``."""
    message: str | None
    error: str | None
    collection: str | None
    """What a multi-instance activity runs over."""
    parallel: bool
    """It runs over all of it at the same time."""
    element: str | None
    """Variable that holds its own part of the collection."""
    gathers: str | None
    """Variable that holds what all instances gave."""
    gathered: str
    """Expression of what one instance gives."""
    by_event: bool
    """An event subprocess."""


@dataclass(frozen=True)
class Flow:
    """A sequence flow."""

    id: str
    source: str
    target: str
    condition: str | None


@dataclass(frozen=True)
class Diagram:
    """A process."""

    id: str
    version_tag: str
    nodes: dict[str, Node]
    flows: list[Flow]
    compensations: dict[str, str]
    """Compensation boundary event → handler."""
    tree: Any = field(repr=False)  # Any: lxml ships no types

    @property
    def by_event(self) -> set[str]:
        """Ids of the event subprocesses."""
        return {node.id for node in self.nodes.values() if node.by_event}


def _texts(element: Any, path: str) -> list[str]:  # Any: lxml ships no types
    return [str(found).strip() for found in element.xpath(path, namespaces=NS)]


def _first(element: Any, path: str) -> str | None:  # Any: lxml ships no types
    found = _texts(element, path)
    return found[0] if found else None


def read_diagram(file: Path) -> Diagram:
    """Read one BPMN file with one process."""
    tree = etree.parse(file)
    (process,) = tree.xpath("//bpmn:process", namespaces=NS)
    messages = {m.get("id"): m for m in tree.xpath("//bpmn:message", namespaces=NS)}
    errors = {e.get("id"): e.get("errorCode") for e in tree.xpath("//bpmn:error", namespaces=NS)}
    nodes = {}
    for element in process.xpath(".//*[@id][bpmn:incoming or bpmn:outgoing or @attachedToRef or @isForCompensation]"
                                 "| .//bpmn:subProcess", namespaces=NS):  # fmt: skip
        definition = str(element.xpath("local-name(bpmn:*[contains(local-name(), 'EventDefinition')])", namespaces=NS))
        message = messages.get(_first(element, "bpmn:messageEventDefinition/@messageRef"))
        kind = etree.QName(element).localname
        nodes[element.get("id")] = Node(
            id=element.get("id"),
            kind=kind,
            name=element.get("name", ""),
            scope=element.getparent().get("id"),
            host=element.get("attachedToRef"),
            interrupting=element.get("cancelActivity", "true") == "true",
            compensates=element.get("isForCompensation") == "true",
            job_type=_first(element, "bpmn:extensionElements/zeebe:taskDefinition/@type"),
            retries=int(_first(element, "bpmn:extensionElements/zeebe:taskDefinition/@retries") or 3),
            inputs=_mapping(element, "input"),
            outputs=_mapping(element, "output"),
            decision=_first(element, "bpmn:extensionElements/zeebe:calledDecision/@decisionId"),
            result=_first(element, "bpmn:extensionElements/zeebe:calledDecision/@resultVariable"),
            form=_first(element, "bpmn:extensionElements/zeebe:formDefinition/@formId"),
            expressions=tuple(
                _texts(element, "bpmn:timerEventDefinition/*/text()")
                + _texts(element, "bpmn:extensionElements/zeebe:taskSchedule/@*")
                + _texts(element, "bpmn:extensionElements/zeebe:assignmentDefinition/@*")
                # An instance that a message starts has no variables before: nothing is read there.
                + (
                    _texts(message, "bpmn:extensionElements/zeebe:subscription/@correlationKey")
                    if message is not None and kind == "startEvent" and element.getparent() is not process
                    else []
                )
            ),
            event=definition.removesuffix("EventDefinition") or None,
            message=message.get("name") if message is not None else None,
            error=errors.get(_first(element, "bpmn:errorEventDefinition/@errorRef")),
            collection=_first(element, f"{LOOP}/@inputCollection"),
            parallel=not _texts(element, "bpmn:multiInstanceLoopCharacteristics/@isSequential"),
            element=_first(element, f"{LOOP}/@inputElement"),
            gathers=_first(element, f"{LOOP}/@outputCollection"),
            gathered=_first(element, f"{LOOP}/@outputElement") or "",
            by_event=element.get("triggeredByEvent") == "true",
        )
    flows = [
        Flow(f.get("id"), f.get("sourceRef"), f.get("targetRef"), _first(f, "bpmn:conditionExpression/text()"))
        for f in process.xpath(".//bpmn:sequenceFlow", namespaces=NS)
    ]
    compensations = {
        a.get("sourceRef"): a.get("targetRef")
        for a in process.xpath(".//bpmn:association[@associationDirection='One']", namespaces=NS)
    }
    tag = _first(process, "bpmn:extensionElements/zeebe:versionTag/@value") or ""
    return Diagram(process.get("id"), tag, nodes, flows, compensations, tree)


def _mapping(element: Any, kind: str) -> dict[str, str]:  # Any: lxml ships no types
    found = element.xpath(f"bpmn:extensionElements/zeebe:ioMapping/zeebe:{kind}", namespaces=NS)
    return {one.get("target"): one.get("source") for one in found}


@dataclass(frozen=True)
class Decision:
    """One decision of a DMN file."""

    id: str
    file: Path
    version_tag: str | None
    requires: frozenset[str]
    data: frozenset[str]
    """Names of the input data it requires."""
    rules: int
    hit_policy: str | None
    answers: dict[str, set[str]]
    """Texts that each output may hold."""


def read_decisions() -> dict[str, Decision]:
    """All decisions of all DMN files, by id."""
    found = {}
    for file in DMN_FILES:
        for element in etree.parse(file).xpath("/dmn:definitions/dmn:decision", namespaces=NS):
            found[element.get("id")] = Decision(
                id=element.get("id"),
                file=file,
                version_tag=_first(element, "dmn:extensionElements/zeebe:versionTag/@value"),
                requires=frozenset(
                    h[1:] for h in _texts(element, "dmn:informationRequirement/dmn:requiredDecision/@href")
                ),
                data=frozenset(h[1:] for h in _texts(element, "dmn:informationRequirement/dmn:requiredInput/@href")),
                rules=len(element.xpath("dmn:decisionTable/dmn:rule", namespaces=NS)),
                hit_policy=_first(element, "dmn:decisionTable/@hitPolicy"),
                answers=_answers(element),
            )
    return found


def _answers(decision: Any) -> dict[str, set[str]]:  # Any: lxml ships no types
    names = _texts(decision, "dmn:decisionTable/dmn:output/@name")
    rows = decision.xpath("dmn:decisionTable/dmn:rule", namespaces=NS)
    cells = [_texts(row, "dmn:outputEntry/dmn:text/text()") for row in rows]
    return {
        name: {found for row in cells for found in re.findall(r'^"([^"]*)"$', row[place]) if place < len(row)}
        for place, name in enumerate(names)
        if all(len(row) == len(names) for row in cells)
    }


def data_of(decision_id: str, decisions: dict[str, Decision]) -> set[str]:
    """Input data that a decision needs, with those of the decisions below it."""
    decision = decisions[decision_id]
    return set(decision.data).union(*(data_of(below, decisions) for below in decision.requires))


@dataclass(frozen=True)
class Form:
    """A Camunda form."""

    id: str
    version_tag: str
    fields: dict[str, dict[str, Any]]  # Any: JSON
    """By key; a list by its path."""
    reads: frozenset[str]
    """Variable paths that texts, conditions and option lists read."""


def read_form(file: Path) -> Form:
    """Read one form."""
    schema = json.loads(file.read_text())
    fields = {c.get("key", c.get("path")): c for c in schema["components"] if "key" in c or "path" in c}
    reads: set[str] = set()
    for component in schema["components"]:
        texts = "".join(component.get(name, "") for name in ("text", "label", "description"))
        for template in re.findall(r"\{\{(?!/)(?:#if )?(.*?)\}\}", texts, re.DOTALL):
            reads |= paths("=" + template)
        for expression in (
            component.get("conditional", {}).get("hide"),
            component.get("dataSource"),
            component.get("source"),
        ):
            reads |= paths(expression or "")
        if "valuesKey" in component:
            reads.add(component["valuesKey"])
    return Form(schema["id"], schema["versionTag"], fields, frozenset(reads))
