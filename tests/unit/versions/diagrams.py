"""Versions of one small process that has what makes moving hard: undoing, a clock, a list, a message that ends all."""

from __future__ import annotations

from tests.unit.runtime.demo.diagram import NAMESPACES

_FORM = "<bpmn:extensionElements><zeebe:userTask/></bpmn:extensionElements>"


def moving(
    version: int, *, look: str = "look", late: str = "PT1H", check: bool = False, loop: str = "", first: str = ""
) -> bytes:
    """`prepare` (a job, with an undo), `look` (a person, with a clock), `each` (people, over a list), done.

    Args:
        version: of its tag.
        look: id of the first person's task.
        late: after which time its clock strikes.
        check: with one more person's task behind it.
        loop: attributes of the list's marker; none: all at once.
        first: a task of that id before `prepare`.
    """
    before = first or "prepare"
    lead_in = f"{_job(first)}{_flow('f0', first, 'prepare')}" if first else ""
    behind = f"{_person('check')}{_flow('f4', 'check', 'each')}" if check else ""
    after = "check" if check else "each"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions {NAMESPACES}>
<bpmn:process id="moving" isExecutable="true">
<bpmn:extensionElements><zeebe:versionTag value="{version}.0.0"/></bpmn:extensionElements>
<bpmn:startEvent id="begun"><bpmn:outgoing>f1</bpmn:outgoing><bpmn:messageEventDefinition messageRef="m_begun"/></bpmn:startEvent>
{_flow("f1", "begun", before)}{lead_in}
{_job("prepare")}
<bpmn:boundaryEvent id="undo_prepare" attachedToRef="prepare"><bpmn:compensateEventDefinition id="c1"/></bpmn:boundaryEvent>
<bpmn:serviceTask id="unprepare" isForCompensation="true"><bpmn:extensionElements>
<zeebe:taskDefinition type="moving.unprepare"/></bpmn:extensionElements></bpmn:serviceTask>
{_flow("f2", "prepare", look)}
{_person(look)}
<bpmn:boundaryEvent id="look_late" cancelActivity="false" attachedToRef="{look}"><bpmn:outgoing>fl</bpmn:outgoing>
<bpmn:timerEventDefinition><bpmn:timeDuration>{late}</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:boundaryEvent>
{_flow("fl", "look_late", "told")}<bpmn:endEvent id="told"><bpmn:incoming>fl</bpmn:incoming></bpmn:endEvent>
{_flow("f3", look, after)}{behind}
<bpmn:userTask id="each"><bpmn:extensionElements><zeebe:userTask/></bpmn:extensionElements>
<bpmn:multiInstanceLoopCharacteristics {loop}><bpmn:extensionElements>
<zeebe:loopCharacteristics inputCollection="=things" inputElement="thing"/></bpmn:extensionElements>
</bpmn:multiInstanceLoopCharacteristics></bpmn:userTask>
{_flow("f5", "each", "done")}
<bpmn:endEvent id="done"><bpmn:incoming>f5</bpmn:incoming></bpmn:endEvent>
<bpmn:subProcess id="stopping" triggeredByEvent="true">
<bpmn:startEvent id="stopped"><bpmn:outgoing>s1</bpmn:outgoing><bpmn:messageEventDefinition messageRef="m_stopped"/></bpmn:startEvent>
{_flow("s1", "stopped", "undo")}
<bpmn:endEvent id="undo"><bpmn:incoming>s1</bpmn:incoming><bpmn:compensateEventDefinition id="c2"/></bpmn:endEvent>
</bpmn:subProcess>
<bpmn:association id="a1" associationDirection="One" sourceRef="undo_prepare" targetRef="unprepare"/>
</bpmn:process>
{_message("begun")}{_message("stopped")}
</bpmn:definitions>""".encode()


def _job(name: str) -> str:
    return (
        f'<bpmn:serviceTask id="{name}"><bpmn:extensionElements><zeebe:taskDefinition type="moving.{name}"/>'
        "</bpmn:extensionElements></bpmn:serviceTask>"
    )


def _person(name: str) -> str:
    return f'<bpmn:userTask id="{name}">{_FORM}</bpmn:userTask>'


def _flow(name: str, source: str, target: str) -> str:
    return f'<bpmn:sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}"/>'


def _message(name: str) -> str:
    return (
        f'<bpmn:message id="m_{name}" name="{name}"><bpmn:extensionElements>'
        '<zeebe:subscription correlationKey="=case_id"/></bpmn:extensionElements></bpmn:message>'
    )
