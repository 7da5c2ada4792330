"""Traces: from a request through the outbox and each job to each delivery, carried as W3C Trace Context (`traceparent`,
https://www.w3.org/TR/trace-context/) in a column of the outbox and in one process variable.

OpenTelemetry is imported only by a process that exports (`workers.runtime.tracing_sdk`). Everywhere else each call here
looks at one variable and does nothing. No span holds personal data: attributes are keys, names and numbers, and of
an exception the type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from workers.settings import Settings

if TYPE_CHECKING:
    from workers.runtime.tracing_sdk import Sdk

VARIABLE = "traceparent"
"""The process variable that carries the context. It belongs to the runtime: no task declares it."""

Attributes = Mapping[str, str | int | float | bool]
Kind = Literal["internal", "server", "producer", "consumer"]

_NOTHING: AbstractContextManager[None] = nullcontext()


class NotInstalled(RuntimeError):
    """FAIRLEAD_TRACING__EXPORTER needs the packages of the extra `tracing`: `pip install 'fairlead[tracing]'`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


_live: Sdk | None = None


@contextmanager
def exporting(settings: Settings, role: str) -> Iterator[None]:
    """Record and export traces meanwhile, if the settings say so; `role` tells apart processes of one service.

    Raises:
        NotInstalled: OpenTelemetry's packages are missing.
    """
    if settings.tracing.exporter == "none":
        yield
        return
    try:
        from workers.runtime import tracing_sdk  # noqa: PLC0415 - OpenTelemetry is heavy, and most do without

        exporter = tracing_sdk.exporter(settings)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("workers"):
            raise
        raise NotInstalled from None
    backend = tracing_sdk.Sdk(settings, role, exporter)
    try:
        with using(backend):
            yield
    finally:
        backend.close()


@contextmanager
def using(backend: Sdk) -> Iterator[None]:
    """Record with this backend meanwhile."""
    global _live  # noqa: PLW0603 - one for each process, like the logs and the metrics
    before, _live = _live, backend
    try:
        yield
    finally:
        _live = before


def span(name: str, attributes: Attributes | None = None) -> AbstractContextManager[None]:
    """A span below the current one."""
    return _NOTHING if _live is None else _live.span(name, attributes or {})


def apart(name: str, attributes: Attributes | None = None) -> AbstractContextManager[None]:
    """A span that begins a trace of its own, linked to the current span."""
    return _NOTHING if _live is None else _live.apart(name, attributes or {})


def continued(
    traceparent: object,
    name: str,
    kind: Kind = "internal",
    attributes: Attributes | None = None,
    *,
    since_ns: int | None = None,
    instance: int = 0,
) -> AbstractContextManager[None]:
    """A span below one of another process; without a valid `traceparent` it begins a trace.

    All that begin one for the same process `instance` (its key) share it. `since_ns`: when the span began, in
    nanoseconds since 1970; None: now.
    """
    return _NOTHING if _live is None else _live.continued(traceparent, name, kind, attributes or {}, since_ns, instance)


def waited(traceparent: object, name: str, attributes: Attributes, *, since_ns: int, until_ns: int) -> None:
    """Record a span that is over, below one of another process; without a valid `traceparent` nothing."""
    if _live is not None:
        _live.waited(traceparent, name, attributes, since_ns, until_ns)


def mark(attributes: Attributes, *, name: str | None = None) -> None:
    """Put attributes on the current span, and perhaps a better name."""
    if _live is not None:
        _live.mark(attributes, name)


def failed() -> None:
    """Mark the current span as failed."""
    if _live is not None:
        _live.failed()


def event(name: str, attributes: Attributes | None = None) -> None:
    """Add an event to the current span."""
    if _live is not None:
        _live.event(name, attributes or {})


def link(traceparent: str | None, name: str) -> None:
    """Link the current span to another one, with an event of this name."""
    if _live is not None and traceparent is not None:
        _live.link(traceparent, name)


def carried() -> str | None:
    """The current span as a `traceparent`, also if it is not sampled; None without one."""
    return None if _live is None else _live.carried()


def fetched(declared: Iterable[str]) -> list[str]:
    """The variables to fetch with a job: those that its task declares, and the context."""
    return [*declared] if _live is None else [*declared, VARIABLE]


def name_span(_logger: object, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For structlog: name the current span in a log record."""
    if _live is not None and (ids := _live.ids()) is not None:
        record["trace_id"], record["span_id"] = ids
    return record
