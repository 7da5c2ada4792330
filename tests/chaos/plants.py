"""Bugs to be planted into the runtime, each a way in which a promise of it might break. The checker must find each.

A plant gets what sets an attribute: pytest's `monkeypatch.setattr`, or `setattr` in a process of its own
(`tests.chaos.planted`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from workers.lead_routing.adapters.crm import CrmDelivery
from workers.office.mail import SmtpDelivery
from workers.runtime import canary, effects, outbox, unit, worker
from workers.runtime.outbox import OutboxRow
from workers.runtime.unit import Done
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe.messages import dump

Set = Callable[[Any, str, Any], None]


def deduplication_off(set_: Set) -> None:
    """A job seen again runs again: the key is written, but nobody asks it."""

    async def claim(connection: Any, spec: Any, job: Any) -> None:
        await effects.lock_case(connection, spec, job.business_id)
        await effects.insert(connection, spec, job, fenced=False)

    set_(effects, "claim", claim)


def keys_without_case(set_: Set) -> None:
    """The key of an effect, and with it of its messages, is the job's and not the case's: each try is a new effect."""
    execute = unit.execute
    tries = iter(range(10**9))

    async def again(spec: Any, given: Any, job: Any, *rest: Any) -> Done:
        if spec.name in {"write_owner", "notify_owner"}:
            job = type(job)(
                **{name: getattr(job, name) for name in job.__slots__} | {"loop_index": f"try-{next(tries)}"}
            )
        return await execute(spec, given, job, *rest)

    set_(worker, "execute", again)


def commit_after_completing(set_: Set, task: str = "write_owner") -> None:
    """The job is completed before its effect is committed; the first time, the connection is lost in between."""
    run_once, complete = unit._run_once, ZeebeClient.complete
    clients: list[ZeebeClient] = []
    lost: list[str] = []
    make = worker.Worker.__init__

    def remember(self: worker.Worker, client: ZeebeClient, *rest: Any) -> None:
        make(self, client, *rest)
        clients.append(client)

    async def too_early(spec: Any, given: Any, work: Any) -> Any:
        result = await run_once(spec, given, work)
        if spec.name == task:
            await complete(clients[-1], work.job.key, result)
            if not lost:
                lost.append(work.job.business_id)
                raise psycopg.OperationalError("the connection is lost")
        return result

    set_(worker.Worker, "__init__", remember)
    set_(unit, "_run_once", too_early)


def outbox_row_dropped(set_: Set, part: str = "write_owner") -> None:
    """The first row of an element never gets into the outbox."""
    put = outbox.put
    dropped: list[str] = []

    async def drop(connection: Any, channel: str, business_id: str, external_id: str, payload: Any) -> bool:
        if f"/{part}/" in external_id and not dropped:
            dropped.append(external_id)
            return True
        return await put(connection, channel, business_id, external_id, payload)

    set_(outbox, "put", drop)


def delivery_dropped(set_: Set, channel: str = "crm.lead") -> None:
    """The first row of a channel is taken for delivered, but was not."""
    receiver = CrmDelivery if channel == "crm.lead" else SmtpDelivery
    deliver: Callable[[Any, OutboxRow], Awaitable[None]] = receiver.__call__
    dropped: list[str] = []

    async def drop(self: Any, row: OutboxRow) -> None:
        if dropped:
            await deliver(self, row)
        dropped.append(row.external_id)

    set_(receiver, "__call__", drop)


def compensation_skipped(set_: Set, handler: str = "release_owner") -> None:
    """The handler's job is completed without running it."""
    execute = unit.execute

    async def skip(spec: Any, *rest: Any) -> Done:
        return Done(_claimed(spec), repeated=False) if spec.name == handler else await execute(spec, *rest)

    set_(worker, "execute", skip)


def compensation_empty(set_: Set, handler: str = "release_owner") -> None:
    """The handler runs, is recorded, and the effect is marked as undone; but it did nothing."""
    call = unit._call

    async def idle(spec: Any, given: Any, work: Any) -> Any:
        return _claimed(spec) if spec.name == handler else await call(spec, given, work)

    set_(unit, "_call", idle)


def placement_forgotten(set_: Set) -> None:
    """An instance counts as moved to the stable version, and the engine was never asked."""

    async def stays(*_: Any) -> None:
        pass

    set_(canary.Canary, "_move", stays)


def _claimed(spec: Any) -> str:
    """The result that a handler gives when it undid something."""
    return dump(dict.fromkeys(spec.output_model.model_fields, True))
