"""The messages of Salesforce's Pub/Sub API that a subscriber needs: package ``eventbus.v1`` of Protocol Buffers.

Names and numbers are those of the published contract (https://developer.salesforce.com/docs/platform/pub-sub-api/guide),
from which the classes are made when this module is imported: no generated code is kept. Fields that are not named here are
left alone by Protocol Buffers' own rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

PACKAGE: Final = "eventbus.v1"
SERVICE: Final = f"/{PACKAGE}.PubSub/"

LATEST, EARLIEST, CUSTOM = 0, 1, 2
"""`replay_preset` of a FetchRequest: from now on, from the oldest that is kept, after `replay_id`."""

# Message → field → number and type; "*" before a type: any number of them.
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "TopicRequest": {"topic_name": (1, "string")},
    "TopicInfo": {
        "topic_name": (1, "string"),
        "tenant_guid": (2, "string"),
        "can_publish": (3, "bool"),
        "can_subscribe": (4, "bool"),
        "schema_id": (5, "string"),
        "rpc_id": (6, "string"),
    },
    "SchemaRequest": {"schema_id": (1, "string")},
    "SchemaInfo": {"schema_json": (1, "string"), "schema_id": (2, "string"), "rpc_id": (3, "string")},
    "ProducerEvent": {"id": (1, "string"), "schema_id": (2, "string"), "payload": (3, "bytes")},
    "ConsumerEvent": {"event": (1, "ProducerEvent"), "replay_id": (2, "bytes")},
    "FetchRequest": {
        "topic_name": (1, "string"),
        "replay_preset": (2, "ReplayPreset"),
        "replay_id": (3, "bytes"),
        "num_requested": (4, "int32"),
    },
    "FetchResponse": {
        "events": (1, "*ConsumerEvent"),
        "latest_replay_id": (2, "bytes"),
        "rpc_id": (3, "string"),
        "pending_num_requested": (4, "int32"),
    },
}

_Field = descriptor_pb2.FieldDescriptorProto
_SIMPLE = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
}


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="fairlead/eventbus.proto", package=PACKAGE, syntax="proto3")
    presets = file.enum_type.add(name="ReplayPreset")
    for name, number in (("LATEST", LATEST), ("EARLIEST", EARLIEST), ("CUSTOM", CUSTOM)):
        presets.value.add(name=name, number=number)
    for message, fields in _MESSAGES.items():
        made = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            label = _Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL
            field = made.field.add(name=name, number=number, label=label)
            kind = kind.removeprefix("*")  # noqa: PLW2901 - the mark was read
            if kind in _SIMPLE:
                field.type = _SIMPLE[kind]
            else:
                field.type = _Field.TYPE_ENUM if kind == "ReplayPreset" else _Field.TYPE_MESSAGE
                field.type_name = f".{PACKAGE}.{kind}"
    return file


def _classes() -> Mapping[str, type[Message]]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_described())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES
    }


_MADE = _classes()

TopicRequest = _MADE["TopicRequest"]
TopicInfo = _MADE["TopicInfo"]
SchemaRequest = _MADE["SchemaRequest"]
SchemaInfo = _MADE["SchemaInfo"]
ProducerEvent = _MADE["ProducerEvent"]
ConsumerEvent = _MADE["ConsumerEvent"]
FetchRequest = _MADE["FetchRequest"]
FetchResponse = _MADE["FetchResponse"]
