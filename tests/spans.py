"""Spans recorded in this process, to be looked at by tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from workers.runtime.tracing import using
from workers.runtime.tracing_sdk import Sdk
from workers.settings import Settings, Tracing


class Spans:
    """What was recorded so far, in the order of the ends."""

    def __init__(self, sdk: Sdk, exporter: InMemorySpanExporter) -> None:
        self._sdk = sdk
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        self._sdk.outlet.force_flush()
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        found = self.named(name)
        assert len(found) == 1, f"{len(found)} spans {name}; there are {sorted(span.name for span in self.all())}"
        return found[0]


@contextmanager
def recorded(*, sampling_ratio: float = 1.0) -> Iterator[Spans]:
    """Record the spans of this process meanwhile."""
    exporter = InMemorySpanExporter()
    sdk = Sdk(Settings(tracing=Tracing(sampling_ratio=sampling_ratio)), "test", exporter)
    with using(sdk):
        yield Spans(sdk, exporter)
    sdk.close()


def context(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def traceparent(span: ReadableSpan) -> str:
    """The span as a W3C `traceparent`."""
    here = context(span)
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"


def traces(spans: list[ReadableSpan]) -> set[int]:
    return {context(span).trace_id for span in spans}


def is_below(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether it is a child of the other span, in the same trace."""
    below = span.parent is not None and span.parent.span_id == context(parent).span_id
    return below and context(span).trace_id == context(parent).trace_id


def events(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]
