"""Instances of two versions whose paths, repetitions and deviations are known, in the log of an engine."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.control_room.engine_log import EngineLog, Instance

PROCESS = "order_paper"


def flow(name: str, source: str, target: str) -> str:
    return f'<sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}"/>'


DIAGRAM = f"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="{PROCESS}" name="Order paper">
<startEvent id="begin"/><serviceTask id="count_paper" name="Count paper"/><userTask id="approve" name="Approve &lt;order&gt;"/>
<exclusiveGateway id="approved"/><serviceTask id="send" name="Send order"/><endEvent id="done"/>
<serviceTask id="cancel_order" isForCompensation="true"/>
<boundaryEvent id="undo" attachedToRef="send"><compensateEventDefinition/></boundaryEvent>
{flow("a", "begin", "count_paper")}{flow("b", "count_paper", "approve")}{flow("c", "approve", "approved")}
{flow("d", "approved", "count_paper")}{flow("e", "approved", "send")}{flow("f", "send", "done")}
<association sourceRef="undo" targetRef="cancel_order"/></process></definitions>"""


class Orders:
    """Writes one instance after the other, of a version."""

    def __init__(self, log: EngineLog, version: int = 1) -> None:
        self.log, self.version = log, version
        self.process_key = log.deploy(PROCESS, version, DIAGRAM)

    def begin(self) -> Instance:
        case = self.log.start(PROCESS, self.process_key, self.version)
        case.run("begin", "START_EVENT")
        return case

    def go(self, *, rejected: int = 0, waits: float = 60.0, undone: bool = False) -> Instance:
        """An order that is rejected so often before it is sent; its approval waits so many seconds, of 300 that are due."""
        case = self.begin()
        for left in range(rejected, -1, -1):
            case.run("count_paper", seconds=10)
            asked = case.ask("approve", due=self.log.now + timedelta(seconds=300))
            self.log.wait(seconds=waits)
            asked.assign("ana")
            asked.complete()
            case.run("approved", "EXCLUSIVE_GATEWAY")
            if not left:
                case.run("send", seconds=2)
        if undone:
            case.run("cancel_order", seconds=1)
        else:
            case.run("done", "END_EVENT")
        case.end()
        return case
