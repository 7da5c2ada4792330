"""A deployed diagram as a graph: what may follow what, as far as the engine runs it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from xml.etree import ElementTree

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"

CHOOSING = frozenset({"exclusiveGateway", "eventBasedGateway"})
"""Of their outgoing sequence flows one is taken; every other element takes all of them, or some (inclusive)."""
JOINING = "parallelGateway"
"""Waits for all of its incoming sequence flows."""


@dataclass(frozen=True, slots=True)
class Node:
    """A flow node: a task, an event, a gateway, a subprocess."""

    id: str
    kind: str
    """Name of its BPMN element: ``serviceTask``, ``exclusiveGateway``, …"""
    incoming: tuple[str, ...]
    """Ids of sequence flows, and of what stands for one: a link event is entered from each event that throws its link."""
    outgoing: tuple[str, ...]
    host: str | None
    """What a boundary event is attached to."""
    interrupting: bool
    event_subprocess: bool
    compensated: str | None
    """Of a compensation handler: the activity that it undoes. Of a compensation boundary event likewise."""


@dataclass(frozen=True, slots=True)
class Diagram:
    """The flow nodes of all processes of a file, by id."""

    nodes: dict[str, Node]

    @property
    def handlers(self) -> dict[str, str]:
        """Activity → what undoes it."""
        return {
            node.compensated: node.id
            for node in self.nodes.values()
            if node.compensated and node.kind != "boundaryEvent"
        }


@lru_cache(maxsize=64)
def read_diagram(xml: str) -> Diagram:
    """What a BPMN 2.0 file that was deployed allows; other processes' parts of it are there too."""
    root = ElementTree.fromstring(xml)  # noqa: S314 - the engine has accepted it
    found = {one.attrib["id"]: one for process in root.iter(f"{BPMN}process") for one in _flow_nodes(process)}
    incoming, outgoing = _flows(root, found)
    boundary = {
        name: one.attrib["attachedToRef"]
        for name, one in found.items()
        if one.tag == f"{BPMN}boundaryEvent" and one.find(f"{BPMN}compensateEventDefinition") is not None
    }
    undone = dict(boundary)
    for one in root.iter(f"{BPMN}association"):
        if one.get("sourceRef") in boundary:
            undone[one.attrib["targetRef"]] = boundary[one.attrib["sourceRef"]]
    return Diagram(
        {
            name: Node(
                id=name,
                kind=one.tag.removeprefix(BPMN),
                incoming=tuple(incoming[name]),
                outgoing=tuple(outgoing[name]),
                host=one.get("attachedToRef"),
                interrupting=one.get("cancelActivity", "true") == "true",
                event_subprocess=one.get("triggeredByEvent") == "true",
                compensated=undone.get(name),
            )
            for name, one in found.items()
        }
    )


def _flow_nodes(scope: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for one in scope:
        if one.tag.startswith(BPMN) and one.tag.endswith(("ask", "Event", "Gateway", "ubProcess", "callActivity")):
            yield one
            yield from _flow_nodes(one)


def _flows(
    root: ElementTree.Element, found: dict[str, ElementTree.Element]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    incoming, outgoing = defaultdict(list), defaultdict(list)
    for flow in root.iter(f"{BPMN}sequenceFlow"):
        outgoing[flow.attrib["sourceRef"]].append(flow.attrib["id"])
        incoming[flow.attrib["targetRef"]].append(flow.attrib["id"])
    links: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, one in found.items():
        link = one.find(f"{BPMN}linkEventDefinition")
        if link is not None:
            links[one.tag, link.get("name", "")].append(name)
    for (tag, called), throwers in links.items():
        for thrower in throwers if tag == f"{BPMN}intermediateThrowEvent" else ():
            outgoing[thrower].append(f"link {thrower}")
            for catcher in links.get((f"{BPMN}intermediateCatchEvent", called), ()):
                incoming[catcher].append(f"link {thrower}")
    return incoming, outgoing
