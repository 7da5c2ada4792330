"""Zeebe in memory, in a JVM beside Python: for process tests, with time travel. It speaks gRPC only.

The engine is Camunda's own (`io.camunda:zeebe-process-test-engine`); it has no search and no Tasklist, so what it did
is read from its record stream, and a user task is completed by the same command that Camunda's REST API appends.
It listens on all interfaces, on a random port, and needs no log-in: use it in tests only.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.engine.errors import NotRunningError, StartError
from workers.engine.ports import free_port
from workers.engine.records import Element, Record, RecordIndex, UserTask
from workers.settings import Settings, get_settings

STEP_SECONDS = 0.02
_PROTOCOL = "io.camunda.zeebe.protocol"


class EmbeddedEngine:
    """One engine; several may follow each other in a process. A context manager, or `start` and `stop`.

    Its methods block but release Python's lock, so that in async tests
    ``await asyncio.to_thread(engine.increase_time, …)`` lets workers in the same process go on.
    """

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        self.settings = settings or get_settings()
        self.port = port
        self._engine: Any = None  # a Java object
        self._index = RecordIndex()
        self._reading = threading.RLock()

    def __enter__(self) -> Self:
        self.start(self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, port: int = 0) -> None:
        """Fetch what is missing, start the JVM if it is the first engine here, and listen on ``port`` (0: a free one).

        Raises `DownloadError` or `StartError`.
        """
        if self._engine is not None:
            raise StartError(f"This engine already runs on port {self.port}.")
        jvm.start(self._classpath())
        import jpype  # noqa: PLC0415 - after the JVM has started

        self.port = port or free_port()
        self._index = RecordIndex()
        engine = jpype.JClass("io.camunda.zeebe.process.test.engine.EngineFactory").create(self.port)
        try:
            engine.start()
        except jpype.JException as error:
            raise StartError(f"The embedded engine did not start on port {self.port}: {error}") from error
        self._engine = engine

    def stop(self) -> None:
        """Stop the engine and forget its state; the records read so far stay readable."""
        with self._reading:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()

    @property
    def address(self) -> str:
        """``host:port`` of the gRPC gateway (no TLS)."""
        return f"127.0.0.1:{self.port}"

    def increase_time(self, by: timedelta) -> None:
        """Move the engine's clock forward; timers that become due are triggered soon after."""
        self._java.increaseTime(_duration(by))

    def wait_for_idle(self, within: timedelta = timedelta(seconds=10)) -> None:
        """Wait until the engine has nothing to process; raises `TimeoutError`."""
        self._wait(self._java.waitForIdleState, within, "idle")

    def wait_for_busy(self, within: timedelta = timedelta(seconds=10)) -> None:
        """Wait until the engine processes something; raises `TimeoutError`."""
        self._wait(self._java.waitForBusyState, within, "busy")

    async def until(
        self, condition: Callable[[], object], what: str = "the condition", within: timedelta = timedelta(seconds=10)
    ) -> None:
        """Let the event loop go on until ``condition()`` is true; raises `TimeoutError` that names ``what``."""
        deadline = time.monotonic() + within.total_seconds()
        while not condition():
            if time.monotonic() > deadline:
                last = [
                    f"{r['valueType']} {r['intent']} {r['value'].get('elementId', '')}" for r in self.records()[-15:]
                ]
                raise TimeoutError(f"Waited {within} for {what}. The engine's last records: {'; '.join(last)}")
            await asyncio.sleep(STEP_SECONDS)

    def assign_user_task(self, key: int, assignee: str) -> None:
        """Let a person claim a user task, as Tasklist would; otherwise like `complete_user_task`."""
        self._command_user_task(key, "ASSIGN", lambda record: record.setAction("assign").setAssignee(assignee))

    def complete_user_task(self, key: int, variables: dict[str, Any] | None = None, action: str = "complete") -> None:
        """Complete a user task with ``variables``, as Tasklist would.

        Returns when the command is in the log; the engine carries it out soon after. Raises `LookupError` if no open
        user task has this key.
        """

        def fill(record: Any) -> None:  # noqa: ANN401 - a Java object
            from jpype import JClass  # noqa: PLC0415 - after the JVM has started

            document = JClass(f"{_PROTOCOL}.impl.encoding.MsgPackConverter").convertToMsgPack(
                json.dumps(variables or {})
            )
            record.setAction(action).setVariables(JClass("org.agrona.concurrent.UnsafeBuffer")(document))

        self._command_user_task(key, "COMPLETE", fill)

    def _command_user_task(self, key: int, intent: str, fill: Callable[[Any], object]) -> None:
        if key not in {task.key for task in self.open_user_tasks()}:
            raise LookupError(f"No open user task has the key {key}.")
        from jpype import JClass, JLong  # noqa: PLC0415 - after the JVM has started

        record = JClass(f"{_PROTOCOL}.impl.record.value.usertask.UserTaskRecord")()
        record.setUserTaskKey(JLong(key))
        fill(record)
        metadata = JClass(f"{_PROTOCOL}.impl.record.RecordMetadata")()
        metadata.recordType(JClass(f"{_PROTOCOL}.record.RecordType").COMMAND)
        metadata.valueType(JClass(f"{_PROTOCOL}.record.ValueType").USER_TASK)
        metadata.intent(getattr(JClass(f"{_PROTOCOL}.record.intent.UserTaskIntent"), intent))
        logstreams = "io.camunda.zeebe.logstreams.log"
        entry = JClass(f"{logstreams}.LogAppendEntry").of(JLong(key), metadata, record)
        # The engine offers no door for this command, so its log is reached through the private field.
        stream = self._java.getClass().getDeclaredField("logStream")
        stream.setAccessible(True)
        written = (
            stream.get(self._java).newLogStreamWriter().tryWrite(JClass(f"{logstreams}.WriteContext").internal(), entry)
        )
        if not written.isRight():
            raise RuntimeError(f"The engine refused the command for user task {key}: {written.getLeft()}")

    def records(self) -> list[Record]:
        """All records so far, oldest first (`workers.engine.records` describes one). Do not change them."""
        with self._read() as index:
            return index.records

    def open_user_tasks(self, process_instance_key: int | None = None, element_id: str | None = None) -> list[UserTask]:
        """User tasks that wait for a person, oldest first."""
        with self._read() as index:
            return index.open_user_tasks(process_instance_key, element_id)

    def completed_user_tasks(self) -> list[UserTask]:
        """User tasks that were completed, in that order."""
        with self._read() as index:
            return index.completed_user_tasks()

    def process_instances(self, process_id: str | None = None, *, active_only: bool = False) -> list[Element]:
        """Process instances in the order in which they started."""
        with self._read() as index:
            return index.process_instances(process_id, active_only=active_only)

    def elements(self, process_instance_key: int) -> list[Element]:
        """All element instances of a process instance with their present state."""
        with self._read() as index:
            return index.elements(process_instance_key)

    def variables(self, scope_key: int) -> dict[str, Any]:
        """Variables visible in a process instance, or (by its element instance key) in an element."""
        with self._read() as index:
            return index.variables(scope_key)

    def incidents(self, process_instance_key: int | None = None) -> list[Record]:
        """Unresolved incidents, as records."""
        with self._read() as index:
            return index.incidents(process_instance_key)

    def rejections(self) -> list[Record]:
        """Commands that the engine refused."""
        with self._read() as index:
            return index.rejections()

    def completed_elements(self, process_id: str) -> set[str]:
        """Ids of the elements of a process completed at least once, in any instance."""
        with self._read() as index:
            return index.completed_elements(process_id)

    def taken_flows(self, process_id: str) -> set[str]:
        """Ids of the sequence flows of a process taken at least once, in any instance."""
        with self._read() as index:
            return index.taken_flows(process_id)

    @property
    def _java(self) -> Any:  # noqa: ANN401 - a Java object
        if self._engine is None:
            raise NotRunningError("The embedded engine is not started.")
        return self._engine

    def _classpath(self) -> list[Path]:
        store = Store(self.settings.cache, self.settings.maven_repository)
        return store.classpath([self.settings.versions.test_engine])

    @contextmanager
    def _read(self) -> Iterator[RecordIndex]:
        """Take in what the engine wrote since the last look; a stopped engine has nothing new.

        Commands come from threads of their own: two that read side by side would take the same records in twice, and
        miss as many later on.
        """
        with self._reading:
            if self._engine is not None:
                stream = self._engine.getRecordStreamSource().getRecords()
                seen, size = len(self._index.records), stream.size()
                self._index.add(json.loads(str(stream.get(place).toJson())) for place in range(seen, size))
            yield self._index

    def _wait(self, wait: Callable[[Any], None], within: timedelta, state: str) -> None:
        from jpype import JClass  # noqa: PLC0415 - after the JVM has started

        try:
            wait(_duration(within))
        except JClass("java.util.concurrent.TimeoutException") as error:
            raise TimeoutError(f"The engine was not {state} within {within}.") from error


def _duration(span: timedelta) -> Any:  # noqa: ANN401 - a Java object
    from jpype import JClass, JLong  # noqa: PLC0415 - after the JVM has started

    return JClass("java.time.Duration").ofMillis(JLong(math.ceil(span.total_seconds() * 1000)))
