"""Prometheus metrics of the gateway, and the middleware that counts and logs requests."""

from __future__ import annotations

import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.runtime import tracing
from workers.runtime.metrics import SPANS_DROPPED, SPANS_EXPORTED

log = structlog.get_logger()


class Metrics:
    """One set for each app; names begin with ``fairlead_gateway_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "fairlead_gateway_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "fairlead_gateway_request_seconds",
            "Time from request to the end of the answer.",
            ["route"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )
        self.leads = Counter(
            "fairlead_gateway_leads", "Leads by result: accepted, duplicate, refused.", ["result"],
            registry=self.registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "fairlead_gateway_engine_queue_rows", "Messages waiting for the engine.", registry=self.registry
        )
        for counter in (SPANS_EXPORTED, SPANS_DROPPED):
            self.registry.register(counter)
        self.lag = Gauge(
            "fairlead_gateway_engine_queue_lag_seconds", "Age of the oldest of them.", registry=self.registry
        )


class Observed:
    """ASGI middleware: counts, times, traces and logs each request. Routes are named by their template, so that ids make no
    new time series and appear in no log.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _traced(scope):
            header = Headers(scope=scope).get("traceparent")
            with tracing.continued(header, scope["method"], "server"):
                await self._observe(scope, receive, send)
        else:
            await self._observe(scope, receive, send)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            tracing.mark(
                {"http.request.method": method, "http.route": route, "http.response.status_code": status},
                name=f"{method} {route}",
            )
            if status >= 500:
                tracing.failed()
            level = log.debug if route in _QUIET else log.info
            level(
                "request", action="http_request", method=method, route=route, status=status,
                milliseconds=round(seconds * 1000, 1),
            )  # fmt: skip


def _traced(scope: Scope) -> bool:
    """Whatever changes something, and what comes with a trace; people and probes look at leads all the time."""
    return scope["method"] not in {"GET", "HEAD", "OPTIONS"} or "traceparent" in Headers(scope=scope)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_QUIET = {"/healthz", "/readyz", "/metrics"}
