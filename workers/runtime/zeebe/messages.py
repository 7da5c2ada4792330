"""Between protobuf messages and what the runtime works with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyzeebe.proto import gateway_pb2 as pb

from workers.runtime.zeebe_types import Deployed, Job, TooBig

Json = Mapping[str, Any]  # Any: JSON

MAX_MESSAGE_BYTES = 4_000_000
"""A little below Zeebe's default `maxMessageSize` of 4 MB."""


def dump(variables: Json) -> str:
    """Variables as the engine takes them.

    Raises:
        TooBig: they do not fit into one message.
    """
    text = json.dumps(variables)
    if len(text) > MAX_MESSAGE_BYTES:
        raise TooBig
    return text


def job_of(raw: pb.ActivatedJob) -> Job:
    """A job as the engine handed it out."""
    return Job(
        key=raw.key,
        type=raw.type,
        process_instance_key=raw.processInstanceKey,
        process_definition_key=raw.processDefinitionKey,
        bpmn_process_id=raw.bpmnProcessId,
        element_id=raw.elementId,
        element_instance_key=raw.elementInstanceKey,
        retries=raw.retries,
        deadline=raw.deadline,
        variables=json.loads(raw.variables),
    )


def deployed(part: pb.Deployment) -> Deployed:
    """One part of a deployment."""
    if part.HasField("process"):
        process = part.process
        return Deployed(
            "process", process.bpmnProcessId, process.version, process.processDefinitionKey, process.resourceName
        )
    if part.HasField("decision"):
        decision = part.decision
        return Deployed(
            "decision",
            decision.dmnDecisionId,
            decision.version,
            decision.decisionKey,
            "",
            decision.decisionRequirementsKey,
        )
    if part.HasField("decisionRequirements"):
        graph = part.decisionRequirements
        return Deployed(
            "decisions",
            graph.dmnDecisionRequirementsId,
            graph.version,
            graph.decisionRequirementsKey,
            graph.resourceName,
        )
    return Deployed("form", part.form.formId, part.form.version, part.form.formKey, part.form.resourceName)
