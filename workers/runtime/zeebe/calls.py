"""How gRPC's status codes become the outcomes that the rest of the runtime knows."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import grpc

from workers.runtime.zeebe.contact import Contact
from workers.runtime.zeebe_types import EngineBusy, JobGone, JobNotFound, Overloaded, Refused

Reply = TypeVar("Reply")

_OVERLOADED = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}
_BUSY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}


async def reply(call: Awaitable[Reply]) -> Reply:
    """The answer to a command.

    Raises:
        EngineBusy: it may be tried again.
        Refused: it may not.
    """
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise translated(error) from error


async def job_reply(call: Awaitable[object], contact: Contact) -> None:
    """Wait for the answer to a command on a job, and note in `contact` whether there was one.

    Raises:
        JobGone, JobNotFound: the job is not ours any more.
        EngineBusy, Refused: as for `reply`.
    """
    try:
        await call
    except grpc.aio.AioRpcError as error:
        contact.met(error)
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise JobNotFound(error.details() or "") from error
        if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
            raise JobGone(error.details() or "") from error
        raise translated(error) from error
    contact.had()


def translated(error: grpc.aio.AioRpcError) -> EngineBusy | Refused:
    """What the error means for whoever asked."""
    code, details = error.code(), error.details() or ""
    if code in _OVERLOADED:
        return Overloaded(f"The engine is overloaded ({code.name}): {details}")
    if code in _BUSY:
        return EngineBusy(f"The engine is not available ({code.name}): {details}")
    return Refused(f"The engine refused it ({code.name}): {details}")
