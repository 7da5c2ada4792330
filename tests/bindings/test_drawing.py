"""The drawings: everything is drawn, nothing overlaps, lines end on shapes and cross as little as can be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lxml import etree

from tests.bindings.models import BPMN_FILES, DMN_FILES, NS, Diagram

CROSSINGS = {
    "follow_up": 0,
    "forecast_review": 1,
    "forecast_upkeep": 0,
    "lead_routing": 1,
    "opportunity_prioritisation": 0,
    "quota_approval": 0,
    "quota_upkeep": 0,
    "scorer_upkeep": 0,
    "territory_alignment": 0,
}
"""Lines that cross in each diagram. A ratchet: lower it when a diagram gets better, never raise it.

In lead_routing the way from the queue to the manager crosses the way to the next owner: with the manager reached from
both sides of the loop, one crossing is left in every layout that keeps the lines short. In forecast_review the way back
from a rejected release to the reviews lies between two ways to the release, and crosses one of them."""

LETTER = 6.6
"""Pixels of a letter in a label, in a wide font."""
DRAWN_NODES = "//bpmn:process//*[@id][not(ancestor-or-self::bpmn:extensionElements)]"
LINES = {"sequenceFlow", "association"}


class Box(NamedTuple):
    """A rectangle in the drawing's pixels."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def contains(self, other: Box) -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )

    def has_on_edge(self, x: float, y: float) -> bool:
        """Whether the point lies on the border, give or take a pixel (the corners of a drawing are rounded)."""
        inner = Box(self.x + 2, self.y + 2, self.width - 4, self.height - 4)
        outer = Box(self.x - 1, self.y - 1, self.width + 2, self.height + 2)
        point = Box(x, y, 0, 0)
        return outer.contains(point) and not inner.contains(point)


Segment = tuple[tuple[float, float], tuple[float, float]]


def _box(bounds: Any) -> Box:  # Any: lxml ships no types
    return Box(*(float(bounds.get(name)) for name in ("x", "y", "width", "height")))


def _shapes(diagram: Diagram) -> dict[str, Box]:
    shapes = diagram.tree.xpath("//bpmndi:BPMNShape", namespaces=NS)
    return {s.get("bpmnElement"): _box(s.find("dc:Bounds", NS)) for s in shapes}


def _labels(diagram: Diagram) -> dict[str, Box]:
    labels = diagram.tree.xpath("//bpmndi:BPMNLabel", namespaces=NS)
    return {label.getparent().get("bpmnElement"): _box(label.find("dc:Bounds", NS)) for label in labels}


def _edges(diagram: Diagram) -> dict[str, list[tuple[float, float]]]:
    return {
        e.get("bpmnElement"): [(float(p.get("x")), float(p.get("y"))) for p in e.findall("di:waypoint", NS)]
        for e in diagram.tree.xpath("//bpmndi:BPMNEdge", namespaces=NS)
    }


def _cross(first: Segment, second: Segment) -> bool:
    """Whether two segments have a point in common that is inside at least one of them, or run over each other."""
    (ax, ay), (bx, by) = first
    (cx, cy), (dx, dy) = second

    def side(px: float, py: float, qx: float, qy: float, rx: float, ry: float) -> float:
        return (qx - px) * (ry - py) - (qy - py) * (rx - px)

    ends = side(ax, ay, bx, by, cx, cy), side(ax, ay, bx, by, dx, dy)
    starts = side(cx, cy, dx, dy, ax, ay), side(cx, cy, dx, dy, bx, by)
    if ends == (0, 0):  # on one straight line: they overlap if both projections do
        return _overlap(ax, bx, cx, dx) and _overlap(ay, by, cy, dy) and (first != second)
    return ends[0] * ends[1] < 0 and starts[0] * starts[1] < 0


def _overlap(a: float, b: float, c: float, d: float) -> bool:
    low, high = max(min(a, b), min(c, d)), min(max(a, b), max(c, d))
    return low < high or (a == b == c == d)


@pytest.mark.parametrize("file", [*BPMN_FILES, *DMN_FILES], ids=lambda file: file.name)
def test_ids_are_unique(file: Path) -> None:
    ids = [element.get("id") for element in etree.parse(file).iter() if element.get("id")]
    assert len(ids) == len(set(ids)), sorted({one for one in ids if ids.count(one) > 1})


def test_everything_is_drawn(diagram: Diagram) -> None:
    drawn = set(_shapes(diagram)) | set(_edges(diagram))
    for element in diagram.tree.xpath(DRAWN_NODES, namespaces=NS):
        if not etree.QName(element).localname.endswith("EventDefinition"):
            assert element.get("id") in drawn, f"{element.get('id')} is not drawn"
    ids = {element.get("id") for element in diagram.tree.iter() if element.get("id")}
    assert drawn <= ids, f"drawn, but gone: {drawn - ids}"


def test_no_shapes_overlap(diagram: Diagram) -> None:
    shapes = _shapes(diagram)
    for (one, first), (other, second) in combinations(shapes.items(), 2):
        hosts = {diagram.nodes[n].host for n in (one, other) if n in diagram.nodes}
        if first.overlaps(second) and not hosts & {one, other}:
            assert first.contains(second) or second.contains(first), f"{one} overlaps {other}"
            outer, inner = (one, other) if first.contains(second) else (other, one)
            assert diagram.nodes[outer].kind == "subProcess", f"{inner} lies on {outer}"


def test_children_lie_inside_and_boundary_events_on_their_hosts(diagram: Diagram) -> None:
    shapes = _shapes(diagram)
    for node in diagram.nodes.values():
        box = shapes[node.id]
        if node.host:
            assert shapes[node.host].has_on_edge(box.x + box.width / 2, box.y + box.height / 2), node.id
        elif node.scope != diagram.id:
            assert shapes[node.scope].contains(box), f"{node.id} is outside of {node.scope}"


def test_lines_end_on_their_shapes(diagram: Diagram) -> None:
    shapes, edges = _shapes(diagram), _edges(diagram)
    for line in diagram.tree.xpath("//bpmn:sequenceFlow | //bpmn:association", namespaces=NS):
        points = edges[line.get("id")]
        for name, (x, y) in ((line.get("sourceRef"), points[0]), (line.get("targetRef"), points[-1])):
            box = shapes[name]
            round_shape = name in diagram.nodes and "Event" in diagram.nodes[name].kind
            middle = (box.x + box.width / 2 - x) ** 2 + (box.y + box.height / 2 - y) ** 2
            on_circle = round_shape and abs(middle**0.5 - box.width / 2) <= 3
            assert on_circle or box.has_on_edge(x, y), f"{line.get('id')} does not end on {name}"


def test_sequence_flows_are_straight(diagram: Diagram) -> None:
    edges = _edges(diagram)
    for flow in diagram.flows:
        for (x, y), (to_x, to_y) in pairwise(edges[flow.id]):
            assert x == to_x or y == to_y, f"{flow.id} runs askew"


def test_lines_keep_clear_of_shapes_and_labels(diagram: Diagram) -> None:
    shapes, labels = _shapes(diagram), _labels(diagram)
    for name, segment in _segments(diagram):
        for what, box in [*shapes.items(), *((f"the label of {n}", b) for n, b in labels.items())]:
            if what in diagram.nodes and diagram.nodes[what].kind == "subProcess":
                continue
            small = Box(box.x + 2, box.y + 2, box.width - 4, box.height - 4)
            assert not _enters(segment, small), f"{name} runs through {what}"


def test_labels_keep_clear_of_shapes_and_each_other(diagram: Diagram) -> None:
    shapes, labels = _shapes(diagram), _labels(diagram)
    for (one, first), (other, second) in combinations(labels.items(), 2):
        assert not first.overlaps(second), f"the labels of {one} and {other} overlap"
    for one, first in labels.items():
        for other, second in shapes.items():
            if diagram.nodes.get(other) is None or diagram.nodes[other].kind != "subProcess":
                assert not first.overlaps(second), f"the label of {one} lies on {other}"


def test_labels_have_room_for_their_longest_word(diagram: Diagram) -> None:
    names = {element.get("id"): element.get("name") for element in diagram.tree.iter() if element.get("name")}
    for one, box in _labels(diagram).items():
        assert max(map(len, names[one].split())) * LETTER <= box.width, f"the label of {one} breaks within a word"


def test_lines_cross_as_little_as_before(diagram: Diagram, record_property: Any) -> None:  # Any: pytest's recorder
    crossings = {
        tuple(sorted((one, other)))
        for (one, first), (other, second) in combinations(_segments(diagram), 2)
        if one != other and _cross(first, second)
    }
    record_property("crossings", len(crossings))
    assert len(crossings) == CROSSINGS[diagram.id], f"{len(crossings)} crossings: {sorted(crossings)}"


@pytest.mark.parametrize("file", DMN_FILES, ids=lambda file: file.stem)
def test_requirements_are_drawn(file: Path) -> None:
    tree = etree.parse(file)
    drawn = {shape.get("dmnElementRef") for shape in tree.xpath("//dmndi:DMNShape", namespaces=NS)}
    lines = {edge.get("dmnElementRef") for edge in tree.xpath("//dmndi:DMNEdge", namespaces=NS)}
    assert drawn == {e.get("id") for e in tree.xpath("//dmn:decision | //dmn:inputData", namespaces=NS)}
    assert lines == {e.get("id") for e in tree.xpath("//dmn:informationRequirement", namespaces=NS)}
    boxes = {
        s.get("dmnElementRef"): _box(s.find("dmndc:Bounds", NS)) for s in tree.xpath("//dmndi:DMNShape", namespaces=NS)
    }
    for (one, first), (other, second) in combinations(boxes.items(), 2):
        assert not first.overlaps(second), f"{one} overlaps {other}"


def _segments(diagram: Diagram) -> Iterator[tuple[str, Segment]]:
    for name, points in _edges(diagram).items():
        for segment in pairwise(points):
            yield name, segment


def _enters(segment: Segment, box: Box) -> bool:
    """Whether a segment passes through the inside of a box (Liang and Barsky's clipping)."""
    (x, y), (to_x, to_y) = segment
    dx, dy = to_x - x, to_y - y
    start, end = 0.0, 1.0
    for slope, room in ((-dx, x - box.x), (dx, box.x + box.width - x), (-dy, y - box.y), (dy, box.y + box.height - y)):
        if slope == 0:
            if room <= 0:
                return False
            continue
        at = room / slope
        if slope < 0:
            start = max(start, at)
        else:
            end = min(end, at)
    return start < end
