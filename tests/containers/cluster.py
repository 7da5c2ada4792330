"""A Camunda cluster of one partition as an engine that a test drives: by its doors for everybody, and its exporter's index.

Clock and positions: Camunda's actuators (``ZEEBE_CLOCK_CONTROLLED=true``). User tasks: its REST API. What it did: the
records that the exporter for OpenSearch (or Elasticsearch) wrote. Made for 8.6; nobody has to log in.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from workers.engine.driven import PATIENCE, DrivenEngine
from workers.engine.records import Record

TIMEOUT_SECONDS = 60.0
PAGE = 2_000
STEP_SECONDS = 0.02
QUIET_SECONDS = 0.2
"""An engine that writes nothing for so long is idle: due timers are looked for more often than that."""

UNDER_WAY = "zeebe_backpressure_inflight_append_count"
WRITTEN = "zeebe_log_appender_last_committed_position"
EXPORTED = "zeebe_exporter_last_updated_exported_position"


@dataclass(frozen=True)
class Doors:
    """Where a cluster is reached: `grpc` as ``host:port``, the others as base URLs without a slash at the end."""

    grpc: str
    rest: str
    management: str
    records: str
    """OpenSearch or Elasticsearch."""
    index_prefix: str
    """Of the exporter, for this cluster alone."""


class ClusterEngine(DrivenEngine):
    """Use it from one process; `close` it."""

    step_seconds = 0.1

    def __init__(self, doors: Doors) -> None:
        super().__init__()
        self.doors = doors
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._read_to = 0

    @property
    def address(self) -> str:
        return self.doors.grpc

    def close(self) -> None:
        """The records read so far stay readable."""
        with self._reading:
            self._http.close()

    def increase_time(self, by: timedelta) -> None:
        offset = {"offsetMilli": math.ceil(by.total_seconds() * 1000)}
        self._http.post(f"{self.doors.management}/actuator/clock/add", json=offset).raise_for_status()

    def wait_for_idle(self, within: timedelta = PATIENCE) -> None:
        deadline = time.monotonic() + within.total_seconds()
        before = None
        while (now := self._positions()) != before or now[UNDER_WAY]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"The engine was not idle within {within}.")
            before = now
            time.sleep(QUIET_SECONDS)

    def assign_user_task(self, key: int, assignee: str) -> None:
        self._command_user_task(key, "assignment", {"assignee": assignee, "allowOverride": True})

    def complete_user_task(self, key: int, variables: dict[str, Any] | None = None, action: str = "complete") -> None:
        self._command_user_task(key, "completion", {"variables": variables or {}, "action": action})

    def _command_user_task(self, key: int, command: str, body: dict[str, Any]) -> None:
        answer = self._http.post(f"{self.doors.rest}/v2/user-tasks/{key}/{command}", json=body)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise LookupError(f"No open user task has the key {key}.")
        if answer.is_error:
            raise RuntimeError(f"The engine refused the {command} of user task {key}: {answer.text}")

    def _fresh(self, seen: int) -> Iterable[Record]:
        if self._http.is_closed:  # a stopped engine has nothing new
            return
        exported = self._all_exported()
        if exported <= self._read_to:
            return
        # Each index shows what it was given at a moment of its own, unless it is told to; what it was not shown yet would
        # be missed, for the next look begins behind it.
        self._http.post(f"{self.doors.records}/{self.doors.index_prefix}_*/_refresh").raise_for_status()
        yield from self._between(self._read_to, exported)
        self._read_to = exported

    def _between(self, after: int, to: int) -> Iterator[Record]:
        where = f"{self.doors.records}/{self.doors.index_prefix}_*/_search"
        while True:
            body = {
                "size": PAGE,
                "query": {"range": {"position": {"gt": after, "lte": to}}},
                "sort": [{"position": {"order": "asc", "unmapped_type": "long"}}],
            }
            found = self._http.post(where, json=body).raise_for_status().json()["hits"]["hits"]
            for hit in found:
                self._read_to = after = hit["_source"]["position"]
                yield hit["_source"]
            if len(found) < PAGE:
                return

    def _all_exported(self) -> int:
        """The position of the newest exported record, when all that was answered before the call is exported."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        written: float | None = None
        while True:
            now = self._positions()
            # An answer goes out when its records were handed to the log, a moment before they are committed.
            if written is None and not now[UNDER_WAY]:
                written = now[WRITTEN]
            if written is not None and now[EXPORTED] >= written:
                return int(now[EXPORTED])
            if time.monotonic() > deadline:
                raise TimeoutError(f"The exporter stands at {now[EXPORTED]:.0f} of {now[WRITTEN]:.0f}.")
            time.sleep(STEP_SECONDS)

    def _positions(self) -> dict[str, float]:
        names = (UNDER_WAY, WRITTEN, EXPORTED)
        where = f"{self.doors.management}/actuator/prometheus"
        text = self._http.get(where, params={"includedNames": ",".join(names)}).raise_for_status().text
        return {
            # Before the first record there is none.
            name: max(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)", text, re.MULTILINE)), default=0.0)
            for name in names
        }
