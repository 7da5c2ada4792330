"""The smallest diagrams that run the tasks of `flow`."""

from __future__ import annotations

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
