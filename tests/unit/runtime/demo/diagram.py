"""The smallest diagrams that run the tasks of `flow`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from tests.unit.runtime.demo.waiting import until
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import EngineBusy

NAMESPACES = (
    'xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="fairlead"'
)


def one_task(name: str, *, process_id: str | None = None, errors: tuple[str, ...] = (), retries: int = 3) -> bytes:
    """A process with one service task of job type ``flow.<name>``; each error code leads to an end event of its name.

    The process id is ``run_<name>`` unless given.
    """
    catches = "".join(
        f'<bpmn:boundaryEvent id="catch_{code}" attachedToRef="{name}">'
        # Variables of a BPMN error are local to the event that catches it: the diagram must pass them on.
        '<bpmn:extensionElements><zeebe:ioMapping><zeebe:output source="=why" target="why"/></zeebe:ioMapping>'
        f"</bpmn:extensionElements><bpmn:outgoing>f_{code}</bpmn:outgoing>"
        f'<bpmn:errorEventDefinition errorRef="e_{code}"/></bpmn:boundaryEvent>'
        f'<bpmn:sequenceFlow id="f_{code}" sourceRef="catch_{code}" targetRef="{code}"/>'
        f'<bpmn:endEvent id="{code}"><bpmn:incoming>f_{code}</bpmn:incoming></bpmn:endEvent>'
        for code in errors
    )
    declared = "".join(f'<bpmn:error id="e_{code}" name="{code}" errorCode="{code}"/>' for code in errors)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions {NAMESPACES}>{declared}
<bpmn:process id="{process_id or f"run_{name}"}" isExecutable="true">
<bpmn:extensionElements><zeebe:versionTag value="1.0.0"/></bpmn:extensionElements>
<bpmn:startEvent id="start"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>
<bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="{name}"/>
<bpmn:serviceTask id="{name}"><bpmn:extensionElements>
<zeebe:taskDefinition type="flow.{name}" retries="{retries}"/></bpmn:extensionElements>
<bpmn:incoming>f1</bpmn:incoming><bpmn:outgoing>f2</bpmn:outgoing></bpmn:serviceTask>
<bpmn:sequenceFlow id="f2" sourceRef="{name}" targetRef="done"/>
<bpmn:endEvent id="done"><bpmn:incoming>f2</bpmn:incoming></bpmn:endEvent>{catches}
</bpmn:process></bpmn:definitions>""".encode()


async def deploy(client: ZeebeClient, files: Mapping[str, bytes]) -> None:
    """Deploy to an engine that has only just started, and on a busy machine takes no connection for a while."""

    async def done() -> bool:
        with contextlib.suppress(EngineBusy):
            await client.deploy(files)
            return True
        return False

    await until(done, "the engine to take the diagrams")


def compensated() -> bytes:
    """The process `compensated`: `book` is done, and then undone by its compensation handler `unbook`."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions {NAMESPACES}>
<bpmn:process id="compensated" isExecutable="true">
<bpmn:startEvent id="start"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>
<bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="book"/>
{_task("book")}
<bpmn:boundaryEvent id="undo_book" attachedToRef="book"><bpmn:compensateEventDefinition id="c1"/></bpmn:boundaryEvent>
<bpmn:serviceTask id="unbook" isForCompensation="true"><bpmn:extensionElements>
<zeebe:taskDefinition type="flow.unbook"/></bpmn:extensionElements></bpmn:serviceTask>
<bpmn:sequenceFlow id="f2" sourceRef="book" targetRef="undo"/>
<bpmn:intermediateThrowEvent id="undo"><bpmn:incoming>f2</bpmn:incoming><bpmn:outgoing>f3</bpmn:outgoing>
<bpmn:compensateEventDefinition id="c2"/></bpmn:intermediateThrowEvent>
<bpmn:sequenceFlow id="f3" sourceRef="undo" targetRef="done"/>
<bpmn:endEvent id="done"><bpmn:incoming>f3</bpmn:incoming></bpmn:endEvent>
<bpmn:association id="a1" associationDirection="One" sourceRef="undo_book" targetRef="unbook"/>
</bpmn:process></bpmn:definitions>""".encode()


def withdrawable() -> bytes:
    """The process `withdrawable`: `book`; the message ``withdrawn`` interrupts it, and `settle` undoes what was done."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions {NAMESPACES}>
<bpmn:message id="m1" name="withdrawn"><bpmn:extensionElements>
<zeebe:subscription correlationKey="=case_id"/></bpmn:extensionElements></bpmn:message>
<bpmn:process id="withdrawable" isExecutable="true">
<bpmn:startEvent id="start"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>
<bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="book"/>
{_task("book")}
<bpmn:sequenceFlow id="f2" sourceRef="book" targetRef="done"/>
<bpmn:endEvent id="done"><bpmn:incoming>f2</bpmn:incoming></bpmn:endEvent>
<bpmn:subProcess id="withdrawal" triggeredByEvent="true">
<bpmn:startEvent id="told"><bpmn:outgoing>g1</bpmn:outgoing><bpmn:messageEventDefinition id="d1" messageRef="m1"/>
</bpmn:startEvent>
<bpmn:sequenceFlow id="g1" sourceRef="told" targetRef="settle"/>
<bpmn:serviceTask id="settle"><bpmn:extensionElements><zeebe:taskDefinition type="flow.settle"/>
</bpmn:extensionElements><bpmn:incoming>g1</bpmn:incoming><bpmn:outgoing>g2</bpmn:outgoing></bpmn:serviceTask>
<bpmn:sequenceFlow id="g2" sourceRef="settle" targetRef="settled"/>
<bpmn:endEvent id="settled"><bpmn:incoming>g2</bpmn:incoming></bpmn:endEvent>
</bpmn:subProcess>
</bpmn:process></bpmn:definitions>""".encode()


def _task(name: str) -> str:
    """A service task between the flows f1 and f2."""
    return (
        f'<bpmn:serviceTask id="{name}"><bpmn:extensionElements><zeebe:taskDefinition type="flow.{name}"/>'
        "</bpmn:extensionElements><bpmn:incoming>f1</bpmn:incoming><bpmn:outgoing>f2</bpmn:outgoing></bpmn:serviceTask>"
    )
