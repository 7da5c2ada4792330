"""Records spans with OpenTelemetry's SDK and exports them. Imported by `workers.runtime.tracing` when it is asked for.

Exporting never holds up work: spans go through a bounded queue to a thread; what does not fit, or can't be sent, is
dropped and counted in `fairlead_spans_dropped`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

import requests
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from workers import __version__
from workers.runtime import metrics
from workers.runtime.errors import BusinessError
from workers.runtime.tracing import VARIABLE, Attributes, Kind
from workers.settings import Settings

log = structlog.get_logger()

QUEUE = 8_192
"""Spans that may wait to be exported, some 10 MB; more are dropped."""
BATCH = 512
"""Spans in one request."""
EXPORT_SECONDS = 1.0
"""Spans wait so long for others to travel with."""
REQUEST_SECONDS = 5
"""One request, its repeats included."""
CLOSE_SECONDS = 3.0
"""At the end of the process the collector has so long to take what is left."""

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_W3C = TraceContextTextMapPropagator()


def exporter(settings: Settings) -> SpanExporter:
    """What sends spans to where the settings say."""
    # OpenTelemetry logs every failure at length; `Outlet` says it once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    url = settings.tracing_endpoint
    session = requests.Session()
    session.trust_env = urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}  # no proxy to ourselves
    if settings.tracing.exporter == "zipkin":
        from opentelemetry.exporter.zipkin.json import ZipkinExporter  # noqa: PLC0415 - one of the two is needed

        return ZipkinExporter(endpoint=url, timeout=REQUEST_SECONDS, session=session)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - likewise

    return OTLPSpanExporter(endpoint=url, timeout=REQUEST_SECONDS, session=session)


class Sdk:
    """Does what the functions of `workers.runtime.tracing` promise."""

    def __init__(self, settings: Settings, role: str, exporter: SpanExporter) -> None:
        self._service = settings.tracing.service_name
        self._ids = _Ids()
        self.outlet = Outlet(exporter)
        self.provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(settings.tracing.sampling_ratio),
            resource=Resource.create(
                {
                    "service.name": f"{self._service}-{role}",
                    "service.version": __version__,
                    "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
                }
            ),
            id_generator=self._ids,
            shutdown_on_exit=False,  # `close` does it, within a limit
        )
        self.provider.add_span_processor(self.outlet)
        self._tracer = self.provider.get_tracer("fairlead", __version__)

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[None]:
        """A span below the current one."""
        with _current(self._tracer.start_span(name, attributes=attributes)):
            yield

    @contextmanager
    def apart(self, name: str, attributes: Attributes) -> Iterator[None]:
        """A span that begins a trace of its own."""
        origin = trace.get_current_span().get_span_context()
        links = [Link(origin)] if origin.is_valid else []
        with _current(self._tracer.start_span(name, Context(), attributes=attributes, links=links)):
            yield

    @contextmanager
    def continued(
        self, traceparent: object, name: str, kind: Kind, attributes: Attributes, since_ns: int | None, instance: int
    ) -> Iterator[None]:
        """A span below one of another process."""
        with self._ids.of_instance(self._instance_trace(instance) if instance else None):
            span = self._tracer.start_span(
                name, _context(traceparent), kind=_KINDS[kind], attributes=attributes, start_time=since_ns
            )
        with _current(span):
            yield

    def waited(self, traceparent: object, name: str, attributes: Attributes, since_ns: int, until_ns: int) -> None:
        """Record a span that is over."""
        context = _context(traceparent)
        if trace.get_current_span(context).get_span_context().is_valid:
            self._tracer.start_span(name, context, attributes=attributes, start_time=since_ns).end(until_ns)

    def mark(self, attributes: Attributes, name: str | None) -> None:
        """Put attributes and perhaps a name on the current span."""
        span = trace.get_current_span()
        span.set_attributes(dict(attributes))
        if name is not None:
            span.update_name(name)

    def failed(self) -> None:
        """Mark the current span as failed."""
        trace.get_current_span().set_status(StatusCode.ERROR)

    def event(self, name: str, attributes: Attributes) -> None:
        """Add an event to the current span."""
        trace.get_current_span().add_event(name, attributes)

    def link(self, traceparent: str, name: str) -> None:
        """Link the current span to another one."""
        other = trace.get_current_span(_context(traceparent)).get_span_context()
        span = trace.get_current_span()
        span.add_link(other)
        # Zipkin's format has no links.
        span.add_event(
            name, {"trace_id": trace.format_trace_id(other.trace_id), "span_id": trace.format_span_id(other.span_id)}
        )

    def carried(self) -> str | None:
        """The current span as a `traceparent`."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get(VARIABLE)

    def ids(self) -> tuple[str, str] | None:
        """Trace id and span id of the current span, in hex."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return None
        return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)

    def close(self) -> None:
        """Export what is left, within `CLOSE_SECONDS`."""
        ending = threading.Thread(target=self.provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)

    def _instance_trace(self, key: int) -> int:
        # Fresh clusters begin with the same keys: the service's name tells them apart where they share a collector.
        digest = hashlib.sha256(f"{self._service} {key}".encode()).digest()
        return int.from_bytes(digest[:16])


class Outlet(SpanProcessor):
    """Sends spans in batches from a thread of its own, and counts those that did not get away."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._waiting = 0
        self._lock = threading.Lock()
        self._batches = BatchSpanProcessor(
            _Sender(exporter, self._left),
            max_queue_size=QUEUE,
            schedule_delay_millis=EXPORT_SECONDS * 1000,
            max_export_batch_size=BATCH,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span; never waits."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return
        with self._lock:
            full = self._waiting >= QUEUE
            self._waiting += not full
        if full:
            metrics.SPANS_DROPPED.labels("queue_full").inc()
        else:
            self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send what waits, then stop."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # it is declared without types

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._batches.force_flush(timeout_millis)

    def _left(self, number: int) -> None:
        with self._lock:
            self._waiting -= number


class _Sender(SpanExporter):
    """Sends a batch, counts it, and says when the collector went away or came back."""

    def __init__(self, exporter: SpanExporter, left: Callable[[int], None]) -> None:
        self._exporter = exporter
        self._left = left
        self._away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; it does not wait any more, whatever becomes of it."""
        self._left(len(spans))
        reason = "refused"
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - tracing must not hurt, whatever an exporter raises
            result, reason = SpanExportResult.FAILURE, type(error).__name__
        if result is SpanExportResult.SUCCESS:
            metrics.SPANS_EXPORTED.inc(len(spans))
        else:
            metrics.SPANS_DROPPED.labels("not_exported").inc(len(spans))
        self._tell(result is not SpanExportResult.SUCCESS, reason)
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()

    def _tell(self, away: bool, reason: str) -> None:
        if away and not self._away:
            log.warning("traces are not exported", action="traces_lost", reason=reason, hint="FAIRLEAD_TRACING")
        elif self._away and not away:
            log.info("traces are exported again", action="traces_exported")
        self._away = away


class _Ids(RandomIdGenerator):
    """Random ids, but for a trace that is to begin with a given one."""

    def __init__(self) -> None:
        self._wanted: ContextVar[int | None] = ContextVar("trace_id", default=None)

    @contextmanager
    def of_instance(self, trace_id: int | None) -> Iterator[None]:
        """A trace that begins meanwhile has this id."""
        token = self._wanted.set(trace_id)
        try:
            yield
        finally:
            self._wanted.reset(token)

    def generate_trace_id(self) -> int:
        """The id that is wanted, else a random one."""
        return self._wanted.get() or super().generate_trace_id()


def _context(traceparent: object) -> Context:
    return _W3C.extract({VARIABLE: traceparent} if isinstance(traceparent, str) else {}, Context())


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """Make it the current span; it ends with the context. An exception leaves its type, never its message."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            if not isinstance(error, BusinessError | asyncio.CancelledError):
                span.set_status(StatusCode.ERROR)
            raise
