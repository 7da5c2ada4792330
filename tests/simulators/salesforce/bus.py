"""Change Data Capture by the Pub/Sub API: events in Avro over gRPC, kept for 72 hours.

https://developer.salesforce.com/docs/platform/pub-sub-api/guide and the Change Data Capture Developer Guide.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

from tests.simulators.salesforce import avro
from tests.simulators.salesforce.door import Door
from tests.simulators.salesforce.org import Org
from tests.simulators.salesforce.schema import Json
from workers.connectors.salesforce import eventbus

KEPT_SECONDS = 72 * 3600
MOST_EVENTS = 100
ERRORS = "sfdc.platform.eventbus.grpc."


class Trouble(Exception):
    """How a call ends."""

    def __init__(self, status: grpc.StatusCode, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, ERRORS + code


@dataclass(frozen=True)
class Kept:
    at: float
    kind: str
    schema_id: str
    payload: bytes


@dataclass
class Bus:
    """One organisation's events."""

    org: Org
    door: Door
    enabled: set[str] = field(default_factory=lambda: {"Lead"})
    """Kinds of records that are chosen in Setup."""
    keepalive_seconds: float = 0.2
    """Really 270."""
    batch: int = 50
    faults: list[Trouble | None] = field(default_factory=list)
    """What ends the subscription instead of its next answer, one each; None: that one goes well."""
    subscriptions: list[Json] = field(default_factory=list)
    """The first request of each."""
    address: str = ""
    kept: dict[int, Kept] = field(default_factory=dict)
    _number: int = 0
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(4))
    _schemas: dict[str, str] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _server: Any = None

    def serve(self, address: str = "127.0.0.1:0") -> str:
        """Answer there; the address."""
        answers = {
            name: grpc.unary_unary_rpc_method_handler(self._answering(do), asked.FromString, answer.SerializeToString)
            for name, do, asked, answer in (
                ("GetTopic", self._topic, eventbus.TopicRequest, eventbus.TopicInfo),
                ("GetSchema", self._schema, eventbus.SchemaRequest, eventbus.SchemaInfo),
            )
        } | {
            "Subscribe": grpc.stream_stream_rpc_method_handler(
                self._subscribe, eventbus.FetchRequest.FromString, eventbus.FetchResponse.SerializeToString
            )
        }
        self._server = grpc.server(ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("eventbus.v1.PubSub", answers),))
        host, _, _ = address.rpartition(":")
        port = self._server.add_insecure_port(address)
        self._server.start()
        self.org.tell = self.tell
        self.address = f"{host}:{port}"
        return self.address

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def tell(self, kind: str, change: str, record: Json, changed: set[str], by_api: bool) -> None:
        """Something happened to a record."""
        if kind in self.enabled:
            origin = "com/salesforce/api/rest/62.0" if by_api else "com/salesforce/ui"
            self.send(kind, change, [record["Id"]], record, changed if change == "UPDATE" else set(), origin)

    def send(
        self, kind: str, change: str, ids: list[str], record: Json, changed: set[str], origin: str, at: float = 0.0
    ) -> None:
        """An event; without fields if it is one of those that tell of a gap."""
        schema_id, schema = self.schema_of(kind)
        now = at or self.org.clock()
        told = changed if change == "UPDATE" else set() if change.startswith(("GAP", "DELETE")) else set(record)
        header: Json = {
            "entityName": kind, "recordIds": ids, "changeType": change, "changeOrigin": origin,
            "transactionKey": secrets.token_hex(16), "sequenceNumber": 1, "commitTimestamp": int(now * 1_000),
            "commitNumber": self._number, "commitUser": record.get("LastModifiedById") or self.org.user,
            "nulledFields": [], "diffFields": [], "changedFields": avro.bitmaps(schema, changed),
        }  # fmt: skip
        self.keep(kind, schema_id, avro.event(schema, header, record, told), now)

    def keep(self, kind: str, schema_id: str, payload: bytes, at: float) -> None:
        with self._changed:
            self._number += 1
            self.kept[self._number] = Kept(at, kind, schema_id, payload)
            self._changed.notify_all()

    def forget(self) -> None:
        """As if 72 hours had passed."""
        with self._changed:
            self.kept.clear()
            self._number += 1

    @property
    def newest(self) -> bytes:
        """The place of the newest event."""
        return self._place(self._number)

    def schema_of(self, kind: str) -> tuple[str, Json]:
        schema = avro.schema_of(kind, self.org.fields[kind])
        text = json.dumps(schema)
        schema_id = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:22]
        self._schemas[schema_id] = text
        return schema_id, schema

    def _admit(self, context: Any) -> None:
        told = dict(context.invocation_metadata())
        token = told.get("accesstoken", "")
        right = told.get("tenantid") == self.org.org_id and told.get("instanceurl", "").startswith("http")
        if token not in self.door.sessions or not right:
            raise Trouble(grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")

    def _kinds(self, topic: str) -> set[str]:
        named = {f"/data/{kind}ChangeEvent": {kind} for kind in self.enabled} | {"/data/ChangeEvents": self.enabled}
        if topic not in named:
            raise Trouble(grpc.StatusCode.NOT_FOUND, "topic.not.found")
        return named[topic]

    def _answering(self, do: Any) -> Any:
        def answer(request: Any, context: Any) -> Any:
            try:
                self._admit(context)
                return do(request)
            except Trouble as trouble:
                ended(context, trouble)

        return answer

    def _topic(self, request: Any) -> Any:
        self._kinds(request.topic_name)
        can = ("Lead", "queryable") not in self.org.forbidden
        return eventbus.TopicInfo(topic_name=request.topic_name, tenant_guid="core/x", can_subscribe=can)

    def _schema(self, request: Any) -> Any:
        if request.schema_id not in self._schemas:
            raise Trouble(grpc.StatusCode.NOT_FOUND, "schema.not.found")
        return eventbus.SchemaInfo(schema_json=self._schemas[request.schema_id], schema_id=request.schema_id)

    def _subscribe(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        try:
            yield from self._streamed(requests, context)
        except Trouble as trouble:
            ended(context, trouble)

    def _streamed(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self._admit(context)
        first = next(requests)
        kinds = self._kinds(first.topic_name)
        after = self._start(first)
        self.subscriptions.append({"preset": first.replay_preset, "replay_id": first.replay_id})
        wanted = [asked_for(first)]
        trouble: list[Trouble] = []

        def ask() -> None:
            try:
                for request in requests:
                    with self._changed:
                        wanted[0] += asked_for(request)
                        self._changed.notify_all()
            except Trouble as found:
                trouble.append(found)
            except Exception:  # noqa: BLE001 - the client has gone
                return

        threading.Thread(target=ask, daemon=True).start()
        heard = time.monotonic()
        while context.is_active():
            with self._changed:
                if after >= self._number or wanted[0] <= 0:
                    self._changed.wait(self.keepalive_seconds / 4)
                # An event and the request that made it are one transaction: what is kept is there.
                news = [(number, one) for number, one in self.kept.items() if number > after and one.kind in kinds]
            if trouble:
                raise trouble[0]
            self._admit(context)
            part = news[: min(wanted[0], self.batch)]
            if not part and time.monotonic() - heard < self.keepalive_seconds:
                continue
            fault = self.faults.pop(0) if self.faults else None
            if fault is not None:
                raise fault
            wanted[0] -= len(part)
            after = part[-1][0] if part else after if news else max(after, self._number)
            heard = time.monotonic()
            yield eventbus.FetchResponse(
                events=[
                    eventbus.ConsumerEvent(
                        event=eventbus.ProducerEvent(id=str(number), schema_id=one.schema_id, payload=one.payload),
                        replay_id=self._place(number),
                    )
                    for number, one in part
                ],
                latest_replay_id=self._place(after),
                pending_num_requested=wanted[0],
            )

    def _start(self, first: Any) -> int:
        if first.replay_preset == eventbus.LATEST:
            return self._number
        if first.replay_preset == eventbus.EARLIEST:
            return min(self.kept, default=self._number + 1) - 1
        if len(first.replay_id) != 12 or first.replay_id[:4] != self._salt:
            raise Trouble(grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.corrupted")
        number = int(struct.unpack(">Q", first.replay_id[4:])[0])
        if number < min(self.kept, default=self._number + 1) - 1 and number != self._number:
            raise Trouble(grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.validation.failed")
        return number

    def _place(self, number: int) -> bytes:
        return self._salt + struct.pack(">Q", number)


def asked_for(request: Any) -> int:
    if not 1 <= request.num_requested <= MOST_EVENTS:
        raise Trouble(grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.requested.events.limit.exceeded")
    return int(request.num_requested)


def ended(context: Any, trouble: Trouble) -> None:
    context.set_trailing_metadata((("error-code", trouble.code), ("rpc-id", secrets.token_hex(8))))
    context.abort(trouble.status, "rpcId: simulated")
