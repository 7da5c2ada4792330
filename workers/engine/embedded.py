"""Zeebe in memory, in a JVM beside Python: for process tests, with time travel. It speaks gRPC only.

The engine is Camunda's own (`io.camunda:zeebe-process-test-engine`); it has no search and no Tasklist, so what it did
is read from its record stream, and a user task is completed by the same command that Camunda's REST API appends.
It listens on all interfaces, on a random port, and needs no log-in: use it in tests only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.engine.driven import PATIENCE, DrivenEngine
from workers.engine.errors import NotRunningError, StartError
from workers.engine.ports import free_port
from workers.engine.records import Record, RecordIndex
from workers.settings import Settings, get_settings

_PROTOCOL = "io.camunda.zeebe.protocol"


class EmbeddedEngine(DrivenEngine):
    """One engine; several may follow each other in a process. A context manager, or `start` and `stop`."""

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        super().__init__()
        self.settings = settings or get_settings()
        self.port = port
        self._engine: Any = None  # a Java object

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

    def wait_for_idle(self, within: timedelta = PATIENCE) -> None:
        """Wait until the engine has nothing to process; raises `TimeoutError`."""
        self._wait(self._java.waitForIdleState, within, "idle")

    def wait_for_busy(self, within: timedelta = PATIENCE) -> None:
        """Wait until the engine processes something; raises `TimeoutError`."""
        self._wait(self._java.waitForBusyState, within, "busy")

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

    @property
    def _java(self) -> Any:  # noqa: ANN401 - a Java object
        if self._engine is None:
            raise NotRunningError("The embedded engine is not started.")
        return self._engine

    def _classpath(self) -> list[Path]:
        store = Store(self.settings.cache, self.settings.maven_repository)
        return store.classpath([self.settings.versions.test_engine])

    def _fresh(self, seen: int) -> Iterable[Record]:
        if self._engine is None:  # a stopped engine has nothing new
            return
        stream = self._engine.getRecordStreamSource().getRecords()
        for place in range(seen, stream.size()):
            yield json.loads(str(stream.get(place).toJson()))

    def _wait(self, wait: Callable[[Any], None], within: timedelta, state: str) -> None:
        from jpype import JClass  # noqa: PLC0415 - after the JVM has started

        try:
            wait(_duration(within))
        except JClass("java.util.concurrent.TimeoutException") as error:
            raise TimeoutError(f"The engine was not {state} within {within}.") from error


def _duration(span: timedelta) -> Any:  # noqa: ANN401 - a Java object
    from jpype import JClass, JLong  # noqa: PLC0415 - after the JVM has started

    return JClass("java.time.Duration").ofMillis(JLong(math.ceil(span.total_seconds() * 1000)))
