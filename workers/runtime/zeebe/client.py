"""Commands and queries to the engine's gRPC gateway.

It calls the generated stub that pyzeebe ships, not pyzeebe's worker: that one polls or streams without looking at the
number of running jobs, closes the channel for good after ten stream expiries, always takes one retry and only logs a
completion that the broker refused under back-pressure.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Self, cast

import grpc
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from workers.runtime.zeebe.calls import job_reply, reply, translated
from workers.runtime.zeebe.channel import channel
from workers.runtime.zeebe.contact import Contact
from workers.runtime.zeebe.messages import Json, deployed, dump, job_of
from workers.runtime.zeebe_types import Decision, Deployed, EngineBusy, Job, Refused, Topology
from workers.settings import Settings

if TYPE_CHECKING:
    from pyzeebe.proto.gateway_pb2_grpc import GatewayAsyncStub

STREAM_SECONDS = 3600.0
"""A job stream is opened anew after about this long, so that streams spread over the gateways of a cluster."""


class ZeebeClient:
    """Commands and queries to the engine. Make it inside a running event loop, and close it there.

    Every method raises EngineBusy when it may be tried again and Refused when it may not.
    """

    def __init__(self, settings: Settings) -> None:
        self.address = settings.zeebe_address
        self._tenant = settings.zeebe.tenant or ""
        self.contact = Contact()
        """When the engine was away, as streams, polls and answers of jobs met it."""
        self._channel = channel(settings)
        self._stub = cast("GatewayAsyncStub", GatewayStub(self._channel))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel; streams end."""
        await self._channel.close()

    async def topology(self) -> Topology:
        """The cluster's state."""
        found = await reply(self._stub.Topology(pb.TopologyRequest(), timeout=5))
        leading = {
            partition.partitionId
            for broker in found.brokers
            for partition in broker.partitions
            if partition.role == pb.Partition.LEADER and partition.health == pb.Partition.HEALTHY
        }
        return Topology(
            found.gatewayVersion,
            len(found.brokers),
            found.partitionsCount,
            healthy=0 < found.partitionsCount == len(leading),
        )

    async def publish(
        self, name: str, correlation_key: str, variables: Json, message_id: str = "", ttl_seconds: float = 3600.0
    ) -> bool:
        """Publish a message. Returns False if one with the same name, key and `message_id` waits already (no error)."""
        request = pb.PublishMessageRequest(
            name=name,
            correlationKey=correlation_key,
            timeToLive=int(ttl_seconds * 1000),
            messageId=message_id,
            variables=dump(variables),
            tenantId=self._tenant,
        )
        try:
            await self._stub.PublishMessage(request, timeout=10)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.ALREADY_EXISTS:
                return False
            raise translated(error) from error
        return True

    async def deploy(self, resources: Mapping[str, bytes]) -> tuple[int, list[Deployed]]:
        """Deploy files (name → content) as one deployment; its key and parts. The engine keeps what is unchanged."""
        request = pb.DeployResourceRequest(
            resources=[pb.Resource(name=name, content=content) for name, content in resources.items()],
            tenantId=self._tenant,
        )
        answer = await reply(self._stub.DeployResource(request, timeout=60))
        return answer.key, [deployed(part) for part in answer.deployments]

    async def evaluate_decision(self, decision_id: str, variables: Json) -> Decision:
        """Evaluate the newest version of a decision."""
        request = pb.EvaluateDecisionRequest(decisionId=decision_id, variables=dump(variables), tenantId=self._tenant)
        answer = await reply(self._stub.EvaluateDecision(request, timeout=10))
        if answer.failureMessage:
            raise Refused(f"The decision {answer.failedDecisionId} could not be evaluated: {answer.failureMessage}")
        matched = {one.decisionId: [rule.ruleIndex for rule in one.matchedRules] for one in answer.evaluatedDecisions}
        return Decision(json.loads(answer.decisionOutput), answer.decisionVersion, matched)

    async def start(self, process_id: str, variables: Json) -> int:
        """Start an instance of the newest version of a process at its none start event; the instance's key."""
        request = pb.CreateProcessInstanceRequest(
            bpmnProcessId=process_id, version=-1, variables=dump(variables), tenantId=self._tenant
        )
        answer = await reply(self._stub.CreateProcessInstance(request, timeout=20))
        return int(answer.processInstanceKey)

    async def cancel(self, process_instance_key: int) -> None:
        """Cancel a process instance."""
        await reply(
            self._stub.CancelProcessInstance(
                pb.CancelProcessInstanceRequest(processInstanceKey=process_instance_key), timeout=10
            )
        )

    async def renew(self, instance_key: int, element_id: str, element_key: int, scope_key: int) -> None:
        """End an element instance and begin it anew in its scope, with a new job; its process instance goes on.

        Zeebe refuses it within a multi-instance activity.
        """
        begin = pb.ModifyProcessInstanceRequest.ActivateInstruction(
            elementId=element_id, ancestorElementInstanceKey=0 if scope_key == instance_key else scope_key
        )
        end = pb.ModifyProcessInstanceRequest.TerminateInstruction(elementInstanceKey=element_key)
        request = pb.ModifyProcessInstanceRequest(
            processInstanceKey=instance_key, activateInstructions=[begin], terminateInstructions=[end]
        )
        await reply(self._stub.ModifyProcessInstance(request, timeout=10))

    async def migrate(self, process_instance_key: int, process_definition_key: int, mapping: Mapping[str, str]) -> None:
        """Move a running instance to another version of its process, all of it or nothing.

        `mapping` has for each active element, and each event that is to go on waiting, the id in the new version.
        """
        plan = pb.MigrateProcessInstanceRequest.MigrationPlan(
            targetProcessDefinitionKey=process_definition_key,
            mappingInstructions=[
                pb.MigrateProcessInstanceRequest.MappingInstruction(sourceElementId=was, targetElementId=is_)
                for was, is_ in mapping.items()
            ],
        )
        request = pb.MigrateProcessInstanceRequest(processInstanceKey=process_instance_key, migrationPlan=plan)
        await reply(self._stub.MigrateProcessInstance(request, timeout=20))

    async def resolve_incident(self, incident_key: int, *, job_key: int | None = None, retries: int = 1) -> None:
        """Resolve an incident; for one of a job, give the job `retries` first."""
        if job_key is not None:
            await reply(
                self._stub.UpdateJobRetries(pb.UpdateJobRetriesRequest(jobKey=job_key, retries=retries), timeout=10)
            )
        await reply(self._stub.ResolveIncident(pb.ResolveIncidentRequest(incidentKey=incident_key), timeout=10))

    async def stream(
        self,
        job_type: str,
        *,
        worker: str,
        timeout_seconds: float,
        variables: Sequence[str],
        on_open: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[Job]:
        """Jobs as the engine pushes them: those that become available from now on, not those that wait already.

        The next message is taken off the wire only when the caller asks for it; the gateway notices, and holds back.
        `on_open` is called once the engine can be reached. Ends normally when the stream's time is over.
        """
        request = pb.StreamActivatedJobsRequest(
            type=job_type,
            worker=worker,
            timeout=int(timeout_seconds * 1000),
            fetchVariable=variables,
            tenantIds=self._tenants(),
        )
        # Without waiting for the connection one would not know whether the stream is open before its first job.
        await self._connected()
        limit = STREAM_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 - spreading, not secrecy
        call = self._stub.StreamActivatedJobs(request, timeout=limit)
        try:
            on_open()
            async for raw in call:
                self.contact.had()
                yield job_of(raw)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                self.contact.met(error)
                raise translated(error) from error
        finally:
            call.cancel()

    async def activate(
        self, job_type: str, *, worker: str, timeout_seconds: float, variables: Sequence[str], at_most: int
    ) -> list[Job]:
        """Jobs that wait now, `at_most` so many; answers at once, also when there are none."""
        request = pb.ActivateJobsRequest(
            type=job_type,
            worker=worker,
            timeout=int(timeout_seconds * 1000),
            maxJobsToActivate=at_most,
            fetchVariable=variables,
            requestTimeout=-1,  # negative: no long polling
            tenantIds=self._tenants(),
        )
        jobs: list[Job] = []
        try:
            async for response in self._stub.ActivateJobs(request, timeout=20):
                self.contact.had()
                jobs += [job_of(raw) for raw in response.jobs]
        except grpc.aio.AioRpcError as error:
            self.contact.met(error)
            if not jobs:  # what was activated before the error is ours and must be worked on
                raise translated(error) from error
        else:
            self.contact.had()
        return jobs

    async def complete(self, job_key: int, variables: str) -> None:
        """Complete a job with these variables, as `dump` gives them: who stores a result first has it serialised."""
        request = pb.CompleteJobRequest(jobKey=job_key, variables=variables)
        await job_reply(self._stub.CompleteJob(request, timeout=10), self.contact)

    async def fail(self, job_key: int, *, retries: int, message: str, back_off_seconds: float = 0.0) -> None:
        """Fail a job, leaving it so many `retries`; with 0 an incident with this message is raised."""
        request = pb.FailJobRequest(
            jobKey=job_key, retries=retries, errorMessage=message, retryBackOff=int(back_off_seconds * 1000)
        )
        await job_reply(self._stub.FailJob(request, timeout=10), self.contact)

    async def throw(self, job_key: int, *, code: str, message: str, variables: Json) -> None:
        """Throw a BPMN error."""
        request = pb.ThrowErrorRequest(jobKey=job_key, errorCode=code, errorMessage=message, variables=dump(variables))
        await job_reply(self._stub.ThrowError(request, timeout=10), self.contact)

    async def extend(self, job_key: int, timeout_seconds: float) -> None:
        """Give a job that long from now."""
        request = pb.UpdateJobTimeoutRequest(jobKey=job_key, timeout=int(timeout_seconds * 1000))
        await job_reply(self._stub.UpdateJobTimeout(request, timeout=10), self.contact)

    async def _connected(self) -> None:
        """Wait until the channel is connected; it tries by itself, for ever."""
        state = self._channel.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.READY:
            if state is grpc.ChannelConnectivity.SHUTDOWN:
                raise EngineBusy("The channel to the engine was closed.")
            await self._channel.wait_for_state_change(state)
            state = self._channel.get_state(try_to_connect=True)

    def _tenants(self) -> list[str]:
        # Camunda's own clients name the default tenant too; the in-memory engine pushes nothing to a nameless one.
        return [self._tenant or "<default>"]
