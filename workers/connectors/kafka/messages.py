"""Kafka records as CloudEvents 1.0, by the CNCF's SDK: read in both modes, written in binary mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from workers.connectors.happenings import case_event
from workers.gateway.told import Told

MOST_BYTES = 1_000_000
"""Of a record's value."""
LONGEST_ID = 500
"""Of an event's ``id`` and ``source``, in characters."""

SENDER_PREFIX = "kafka:"
"""Of senders among those of webhooks."""


class Unfit(Exception):
    """The record can't be used, and never will be; the message says why, without repeating its values."""


class Record(Protocol):
    """What is needed of aiokafka's `ConsumerRecord`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Any  # Any: pairs of str and bytes, in a tuple or a list


def told_of(record: Record, source: str) -> Told:
    """The event of a record; `source` is the one under which its leads are known.

    Raises:
        Unfit: it is no CloudEvent 1.0 with JSON data.
    """
    if not record.value or len(record.value) > MOST_BYTES:
        raise Unfit(f"A record's value has 1 to {MOST_BYTES:,} bytes.")
    headers = {str(name).lower(): bytes(value or b"") for name, value in record.headers}
    try:
        # The key tells the brokers where the record goes; it need not be text, and is not needed here.
        event = from_kafka(KafkaMessage(headers, None, record.value), JSONFormat(), CloudEvent)
    except CloudEventValidationError as error:
        raise Unfit(f"At fault: {', '.join(sorted(error.errors))}. It must be a CloudEvent of version 1.0.") from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise Unfit(
            "It is no CloudEvent: neither headers ce_… with JSON as the value, nor one in JSON as the value."
        ) from None
    data = event.get_data()
    if not isinstance(data, dict):
        raise Unfit("Its data are no JSON object; datacontenttype must be application/json.")
    event_id, sender = str(event.get_id()), str(event.get_source())
    for name, text in (("id", event_id), ("source", sender)):
        if len(text) > LONGEST_ID or not text.isprintable():
            raise Unfit(f"Its {name} must have 1 to {LONGEST_ID} printable characters.")
    return Told(source, SENDER_PREFIX + sender, event_id, str(event.get_type()), data)


def event_again(told: Told) -> KafkaMessage:
    """An event that came in, as a record in structured mode."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": told.event_id,
        "source": told.sender.removeprefix(SENDER_PREFIX),
        "type": told.type,
    }
    return to_structured(CloudEvent(attributes, dict(told.data)), JSONFormat())


def case_record(external_id: str, case: str, payload: Mapping[str, Any], region: str | None) -> KafkaMessage:
    """The record that tells what happened in a case (`workers.connectors.happenings`); keyed by the case, so that its
    events keep their order.
    """
    return to_binary(case_event(external_id, case, payload, region), JSONFormat())
