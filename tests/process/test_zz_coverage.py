"""Every element and every sequence flow of every diagram was run by the process tests before this one, as it allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from tests.process.conftest import PROCESSES, Seen

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
RUN = ("task", "Task", "Event", "Gateway", "subProcess")


@pytest.mark.parametrize("process", PROCESSES)
def test_every_element_and_flow_is_covered(process: str, seen: Seen, request: pytest.FixtureRequest) -> None:
    collected = {item.path.name for item in request.session.items}
    if not {path.name for path in Path(__file__).parent.glob("test_*.py")} <= collected or request.session.testsfailed:
        pytest.skip("coverage is judged when all process tests ran and passed")
    root = etree.parse(f"bpmn/{process}.bpmn").getroot()
    # A compensation boundary event is never completed itself: its handler is what runs.
    compensation = {
        event.getparent().get("id")
        for event in root.iter(f"{BPMN}compensateEventDefinition")
        if event.getparent().tag == f"{BPMN}boundaryEvent"
    }
    elements = {
        node.get("id")
        for node in root.iter()
        if isinstance(node.tag, str) and node.tag.startswith(BPMN) and node.tag.endswith(RUN)
    } - compensation
    flows = {node.get("id") for node in root.iter(f"{BPMN}sequenceFlow")}
    completed, taken = seen.elements[process], seen.flows[process]
    seen.report[process] = (
        f"{process}: {len(elements & completed)} of {len(elements)} elements and "
        f"{len(flows & taken)} of {len(flows)} sequence flows covered by {seen.tests} tests"
    )
    assert sorted(elements - completed) == [], "elements that no process test completes"
    assert sorted(flows - taken) == [], "sequence flows that no process test takes"
    # The engine does nothing that its diagram does not allow, so whatever is found here is an error of the judge.
    assert seen.deviations[process] == [], "the control room calls what the engine did a deviation"
