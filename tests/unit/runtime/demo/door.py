"""A door before a real engine, as an ingress is: TLS, tokens, back-pressure. The only test module that imports grpc."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pyzeebe.proto import gateway_pb2 as pb

STREAMING = {"StreamActivatedJobs", "ActivateJobs"}
METHODS = pb.DESCRIPTOR.services_by_name["Gateway"].methods_by_name


@dataclass(frozen=True)
class Call:
    """One request as it came through the door."""

    method: str
    request: Message
    token: str | None

    def tenants(self) -> list[str] | None:
        """The tenants that it names; None if such a request has no place for them."""
        fields = self.request.DESCRIPTOR.fields_by_name
        if "tenantIds" in fields:
            return list(self.request.tenantIds)
        return [self.request.tenantId] if "tenantId" in fields else None


@dataclass
class Door:
    """Use as a context manager; it hands everything on to the engine at `engine` and keeps a list of it."""

    engine: str
    certificate: tuple[bytes, bytes] | None = None
    """Key and chain in PEM; None: no TLS."""
    admits: Callable[[str | None], bool] = lambda token: True
    """Whether a bearer token is good."""
    busy: Callable[[str], bool] = lambda method: False
    """Whether a call is refused with RESOURCE_EXHAUSTED."""
    calls: list[Call] = field(default_factory=list)
    refused: int = 0
    port: int = 0

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Handler(self),))
        if self.certificate is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([self.certificate]))
        self.channel = grpc.aio.insecure_channel(self.engine)
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)
        await self.channel.close()

    async def enter(self, method: str, raw: bytes, context: Any) -> None:
        sent = dict(context.invocation_metadata()).get("authorization", "")
        token = sent.removeprefix("Bearer ") or None
        request = GetMessageClass(METHODS[method].input_type).FromString(raw)
        self.calls.append(Call(method, request, token))
        if not self.admits(token):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Show a good token.")
        if self.busy(method):
            self.refused += 1
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many requests in flight.")


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    def __init__(self, door: Door) -> None:
        self._door = door

    def service(self, details: Any) -> Any:
        path: str = details.method
        method = path.rpartition("/")[2]

        async def one(raw: bytes, context: Any) -> Any:
            await self._door.enter(method, raw, context)
            try:
                return await self._door.channel.unary_unary(path)(raw, timeout=context.time_remaining())
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details())

        async def many(raw: bytes, context: Any) -> AsyncIterator[Any]:
            await self._door.enter(method, raw, context)
            call = self._door.channel.unary_stream(path)(raw, timeout=context.time_remaining())
            try:
                async for answer in call:
                    yield answer
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details())
            finally:
                call.cancel()

        if method in STREAMING:
            return grpc.unary_stream_rpc_method_handler(many)
        return grpc.unary_unary_rpc_method_handler(one)
