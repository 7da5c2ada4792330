"""The outbox channel that the runtime itself serves: messages to the engine."""

from __future__ import annotations

from workers.runtime import tracing
from workers.runtime.outbox import Deliver, OutboxRow
from workers.runtime.zeebe import ZeebeClient

MESSAGES = "zeebe.message"
"""Payload: ``{name, correlation_key, variables, ttl_seconds?}``. The row's external id is the message id, by which the
engine recognises a repeat while the first one lives (its time to live)."""


def messages(client: ZeebeClient) -> Deliver:
    """Publishes rows of the channel `MESSAGES`."""

    async def publish(row: OutboxRow) -> None:
        payload = row.payload
        tracing.mark({"fairlead.message": payload["name"]})
        variables = dict(payload.get("variables", {}))
        if (traceparent := tracing.carried()) is not None:
            variables[tracing.VARIABLE] = traceparent
        await client.publish(
            payload["name"],
            payload["correlation_key"],
            variables,
            row.external_id,
            float(payload.get("ttl_seconds", 3600)),
        )

    return publish
