"""What may be said on each topic, as an AsyncAPI 3.0 description: JSON Schemas made from the models that take and tell.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from typing import Any

from workers import __version__
from workers.connectors.happenings import TYPE_PREFIX, Happened
from workers.connectors.kafka.taking import DEAD_SUFFIX
from workers.gateway.told import LEAD_CREATED, TYPES
from workers.settings import Kafka

Json = dict[str, Any]  # Any: JSON

TOLD = f"{TYPE_PREFIX}ACTION"
"""Stands for each type that we tell: its end is the data's ``action``. AsyncAPI knows no wildcard in a name."""


def description(kafka: Kafka) -> Json:
    """The topics of these settings, with the types of events on each and the schema of an event's data.

    A topic of dead letters holds what came in, as it came, so nothing is promised of it.
    """
    channels = {topic: _channel(topic, list(TYPES)) for topic in sorted(kafka.topics_in)}
    operations = {f"take {topic}": _operation("receive", topic) for topic in channels}
    channels |= {
        topic + DEAD_SUFFIX: {"address": topic + DEAD_SUFFIX, "description": "What could not be used, as it came."}
        for topic in sorted(kafka.topics_in)
    }
    if kafka.topic_out:
        channels[kafka.topic_out] = _channel(kafka.topic_out, [TOLD])
        operations[f"tell {kafka.topic_out}"] = _operation("send", kafka.topic_out)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of Fairlead",
            "version": __version__,
            "description": "CloudEvents 1.0 in structured or binary mode; ours are in binary mode. Payloads are their data.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": {kind: {"name": kind, "payload": schema} for kind, schema in schemas().items()}},
    }


def schemas() -> dict[str, Json]:
    """By type of event, the JSON Schema of its data."""
    found = {kind: model.model_json_schema() for kind, model in TYPES.items()}
    # The topic says where a lead comes from, whatever the event says.
    found[LEAD_CREATED].pop("required")
    found[LEAD_CREATED]["description"] = "A lead; nothing of it is required, and its source is the topic's."
    return found | {TOLD: Happened.model_json_schema(mode="serialization")}


def _channel(topic: str, kinds: list[str]) -> Json:
    return {"address": topic, "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds}}


def _operation(action: str, topic: str) -> Json:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}
