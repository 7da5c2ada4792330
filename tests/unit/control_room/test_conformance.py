"""Conformance by token replay: what a diagram allows is explained, what an operator or another version did is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from workers.control_room.conformance import Step
from workers.control_room.diagrams import read_diagram
from workers.control_room.settling import path_of

NS = 'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'


def flow(name: str, source: str, target: str) -> str:
    return f'<sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}"/>'


DIAGRAM = f"""<definitions {NS}><process id="p">
<startEvent id="start"/><serviceTask id="a"/><exclusiveGateway id="choice"/><serviceTask id="b"/>
<parallelGateway id="fork"/><serviceTask id="left"/><serviceTask id="right"/><parallelGateway id="join"/>
<userTask id="ask"/><boundaryEvent id="too_late" attachedToRef="ask"/><boundaryEvent id="remind" attachedToRef="ask" cancelActivity="false"/>
<serviceTask id="reminder"/><endEvent id="end"/><serviceTask id="undo_a" isForCompensation="true"/>
<boundaryEvent id="undoing" attachedToRef="a"><compensateEventDefinition/></boundaryEvent>
<subProcess id="withdrawn" triggeredByEvent="true"><startEvent id="withdrawal"/><endEvent id="gone"/>
{flow("w", "withdrawal", "gone")}</subProcess>
<subProcess id="each"><multiInstanceLoopCharacteristics/><startEvent id="one"/><serviceTask id="look"/>{flow("o", "one", "look")}</subProcess>
{flow("1", "start", "a")}{flow("2", "a", "choice")}{flow("3", "choice", "b")}{flow("4", "choice", "fork")}
{flow("5", "b", "a")}{flow("6", "fork", "left")}{flow("7", "fork", "right")}{flow("8", "left", "join")}
{flow("9", "right", "join")}{flow("10", "join", "ask")}{flow("11", "ask", "each")}{flow("12", "each", "end")}
{flow("13", "too_late", "end")}{flow("14", "remind", "reminder")}
<association sourceRef="undoing" targetRef="undo_a"/></process></definitions>"""
KINDS = {
    "start": "START_EVENT", "one": "START_EVENT", "withdrawal": "START_EVENT", "choice": "EXCLUSIVE_GATEWAY",
    "fork": "PARALLEL_GATEWAY", "join": "PARALLEL_GATEWAY", "ask": "USER_TASK", "too_late": "BOUNDARY_EVENT",
    "remind": "BOUNDARY_EVENT", "end": "END_EVENT", "gone": "END_EVENT", "withdrawn": "EVENT_SUB_PROCESS",
    "each": "SUB_PROCESS",
}  # fmt: skip
USUAL = ("start", "a", "choice", "fork", "left", "right", "join", "ask")


def steps(*names: str, cut: tuple[str, ...] = ()) -> list[Step]:
    """Elements of the process' own scope; what is in `cut` was ended by something else, each second of them takes 10 ms."""
    keys = count(2)
    return [Step(next(keys), name, KINDS.get(name, "SERVICE_TASK"), 1, name not in cut, 10, 7) for name in names]


def deviations(found: list[Step], modified: list[str] | None = None) -> dict[tuple[str, str], int]:
    return dict(path_of(found, {7: read_diagram(DIAGRAM)}, 7, modified).deviations)


@pytest.mark.parametrize(
    "allowed",
    [
        steps(*USUAL),
        steps("start", "a", "choice", "b", "a", "choice", "b", "a", "choice", "fork", "left", "right", "join"),
        steps(*USUAL, "remind", "remind", "reminder", "reminder", "too_late", "end", cut=("ask",)),
        steps("start", "a", "choice", "withdrawn", "undo_a", cut=("fork",)),
    ],
    ids=["straight", "loop", "boundary events", "event subprocess and compensation"],
)
def test_what_the_diagram_allows_does_not_deviate(allowed: list[Step]) -> None:
    assert deviations(allowed) == {}


@pytest.mark.parametrize(
    ("done", "element"),
    [
        (steps("start", "a", "b"), "b"),
        (steps("start", "a", "choice", "b", "fork"), "fork"),
        (steps("start", "a", "choice", "fork", "left", "join"), "join"),
        (steps(*USUAL, "too_late"), "too_late"),
        (steps("start", "a", "undo_a", "undo_a"), "undo_a"),
        (steps("ask", "each"), "ask"),
        (steps("start", "a", "choice", "b", "a", "a"), "a"),
    ],
    ids=["skipped", "both ways of a choice", "half a join", "host not ended", "undone twice", "in the middle", "twice"],
)
def test_what_it_does_not_allow_does(done: list[Step], element: str) -> None:
    assert deviations(done) == {("unexplained", element): 1}


def test_a_shared_target_of_two_choices_is_matched_however_they_came() -> None:
    text = f"""<definitions {NS}><process id="p"><startEvent id="start"/><parallelGateway id="fork"/>
    <exclusiveGateway id="one"/><exclusiveGateway id="two"/><serviceTask id="x"/><serviceTask id="y"/><serviceTask id="z"/>
    {flow("1", "start", "fork")}{flow("2", "fork", "one")}{flow("3", "fork", "two")}{flow("4", "one", "x")}
    {flow("5", "one", "y")}{flow("6", "two", "x")}{flow("7", "two", "z")}</process></definitions>"""
    for ends in (("x", "y"), ("x", "z"), ("y", "x"), ("x", "x"), ("y", "z")):
        found = steps("start", "fork", "one", "two", *ends)
        assert path_of(found, {7: read_diagram(text)}, 7).deviations == {}
    assert path_of(steps("start", "fork", "one", "two", "x", "y", "y"), {7: read_diagram(text)}, 7).deviations


def test_an_operator_another_version_and_an_unknown_element_are_named() -> None:
    jumped = steps("start", "a", "ask")
    assert deviations(jumped, ["ask"]) == {("modified", "ask"): 1}
    assert deviations(jumped, []) == {("modified", ""): 1}
    moved = [*steps("start", "a"), Step(9, "b", "SERVICE_TASK", 1, True, 10, 8)]
    assert path_of(moved, {7: read_diagram(DIAGRAM)}, 8).deviations == {("migrated", ""): 1}
    assert path_of(moved, {7: read_diagram(DIAGRAM)}, 8, placed=True).deviations == {("migrated", ""): 1}, "too late"
    begun = [replace(one, process_key=7 if number == 0 else 8) for number, one in enumerate(steps("start", "a"))]
    assert path_of(begun, {7: read_diagram(DIAGRAM), 8: read_diagram(DIAGRAM)}, 8, placed=True).deviations == {}
    assert deviations(steps("start", "a", "z"))[("unknown", "z")] == 1
    assert path_of(jumped, {}, 7).deviations == {}, "without its diagram nothing is known"


def test_a_path_has_a_multi_instance_once_and_rework_counts_within_a_scope() -> None:
    looped = steps("start", "a", "choice", "b", "a", "choice", "b", "a")
    path = path_of(looped, {}, 7)
    assert path.activities == ("a", "b", "a", "b", "a")
    assert path.again == {"a": (2, 20), "b": (1, 10)}
    items = [Step(20, "each", "MULTI_INSTANCE_BODY", 1, True, 10, 7)]
    for inner in (21, 31):
        items.append(Step(inner, "each", "SUB_PROCESS", 20, True, 5, 7))
        items.append(Step(inner + 1, "one", "START_EVENT", inner, True, 0, 7))
        items.append(Step(inner + 2, "look", "SERVICE_TASK", inner, True, 5, 7))
    whole = [*steps(*USUAL), *items]
    path = path_of(whole, {7: read_diagram(DIAGRAM)}, 7)
    assert path.activities == ("a", "left", "right", "ask", "each")
    assert (path.again, path.deviations) == ({}, {})
    assert path.variant == path_of(list(whole), {}, 7).variant != path_of(looped, {}, 7).variant
