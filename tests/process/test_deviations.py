"""What an operator changes in a running instance is a deviation; what the engine does by itself is none (`test_zz_coverage`)."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from tests.process.judging import deviations
from workers.engine.driven import DrivenEngine

TINY = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"
targetNamespace="t"><process id="tiny" name="{name}" isExecutable="true"><startEvent id="start"/>
<userTask id="ask"><extensionElements><zeebe:userTask/></extensionElements></userTask><endEvent id="end"/>
<sequenceFlow id="a" sourceRef="start" targetRef="ask"/><sequenceFlow id="b" sourceRef="ask" targetRef="end"/>
</process></definitions>"""


async def test_what_operators_do_is_told_from_what_the_engine_does(engine: DrivenEngine) -> None:
    with grpc.insecure_channel(engine.address) as channel:
        stub = GatewayStub(channel)

        def deploy(name: str) -> int:
            resource = pb.Resource(name="tiny.bpmn", content=TINY.format(name=name).encode())
            answer = stub.DeployResource(pb.DeployResourceRequest(resources=[resource]))
            return int(answer.deployments[0].process.processDefinitionKey)

        async def started(**more: Any) -> int:
            asked = pb.CreateProcessInstanceRequest(bpmnProcessId="tiny", version=-1, **more)
            return int((await asyncio.to_thread(stub.CreateProcessInstance, asked)).processInstanceKey)

        async def waits(key: int) -> int:
            await engine.until(lambda: engine.open_user_tasks(key), "the task")
            return engine.open_user_tasks(key)[0].key

        async def ends() -> list[tuple[str, str]]:
            await engine.until(lambda: not engine.process_instances("tiny", active_only=True), "the end")
            return deviations(engine.records(), placed=False)["tiny"]

        deploy("first")
        engine.complete_user_task(await waits(await started()))
        assert await ends() == []

        await started(startInstructions=[pb.ProcessInstanceCreationStartInstruction(elementId="end")])
        assert await ends() == [("unexplained", "end")]

        changed = await started()
        await waits(changed)
        (task,) = [one for one in engine.elements(changed) if one.element_id == "ask"]
        request = pb.ModifyProcessInstanceRequest
        stub.ModifyProcessInstance(
            request(
                processInstanceKey=changed,
                activateInstructions=[request.ActivateInstruction(elementId="end")],
                terminateInstructions=[request.TerminateInstruction(elementInstanceKey=task.key)],
            )
        )
        assert await ends() == [("unexplained", "end"), ("modified", "end")]

        moved = await started()
        waiting = await waits(moved)
        migration = pb.MigrateProcessInstanceRequest
        mapping = migration.MappingInstruction(sourceElementId="ask", targetElementId="ask")
        plan = migration.MigrationPlan(targetProcessDefinitionKey=deploy("second"), mappingInstructions=[mapping])
        stub.MigrateProcessInstance(migration(processInstanceKey=moved, migrationPlan=plan))
        engine.complete_user_task(waiting)
        assert await ends() == [("unexplained", "end"), ("modified", "end"), ("migrated", "")]
        assert ("migrated", "") not in deviations(engine.records(), placed=True)["tiny"]
