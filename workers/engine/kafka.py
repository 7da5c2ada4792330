"""A real Kafka: one broker that is its own controller, on loopback, in a JVM of its own. For benchmarks and tests."""

from __future__ import annotations

import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from workers.engine import jvm
from workers.engine.downloads import Store
from workers.engine.errors import StartError
from workers.engine.ports import free_port
from workers.settings import get_settings

KAFKA = "org.apache.kafka:kafka_2.13:3.9.1"
START_SECONDS = 120.0


class Broker:
    """Use as a context manager. `kill` and `start` leave what it has on disk, in `folder`."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """`port` 0: a free one.

        Raises:
            EngineError: its program can't be fetched.
        """
        self.port = port or free_port()
        self._folder = folder
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        settings = get_settings()
        self._classpath = ":".join(map(str, Store(settings.cache, settings.maven_repository).classpath([KAFKA])))

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        controller = free_port()
        self._properties.write_text(f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={self._folder / "logs"}
num.partitions=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
""")
        # As Kafka's own: one that begins with a dash would be taken for an option.
        drawn = (urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=") for _ in count())
        cluster = next(one for one in drawn if not one.startswith("-"))
        self._run(
            "kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(self._properties)
        ).wait()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it takes connections.

        Raises:
            StartError: it ended, or takes none within two minutes.
        """
        self._process = self._run("kafka.Kafka", str(self._properties))
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    said = (self._folder / "said").read_text(errors="replace")[-3_000:]
                    raise StartError(f"The Kafka broker does not start:\n{said}") from None
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """End it at once, as SIGKILL does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "said").open("ab") as said:
            return subprocess.Popen(
                [str(jvm.java()), "-Xmx384m", "-XX:+UseSerialGC", jvm.BRIEF, "-cp", self._classpath, *arguments],
                cwd=self._folder, stdout=said, stderr=said,
            )  # fmt: skip
