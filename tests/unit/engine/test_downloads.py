"""Downloads, from a real HTTP server on loopback that serves a small Maven repository."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, AnyStr

import pytest

from workers.engine import disk
from workers.engine.downloads import Store
from workers.engine.errors import DiskFullError, DownloadError

if TYPE_CHECKING:
    from _typeshed import SupportsRead, SupportsWrite

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>org.sample</groupId><artifactId>{name}</artifactId><version>1.0</version>{more}</project>"""
NEEDS = """<dependencies><dependency><groupId>org.sample</groupId><artifactId>{name}</artifactId>
<version>1.0</version></dependency></dependencies>"""


class Maven:
    """A Maven repository that is served over HTTP, and what was asked of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.breaks_off = False
        """Whether every answer but a checksum ends after ten bytes."""
        maven = self

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                maven.asked.append(self.path)

            def copyfile(self, source: SupportsRead[AnyStr], outputfile: SupportsWrite[AnyStr]) -> None:
                cut = maven.breaks_off and not self.path.endswith(".sha1")
                outputfile.write(source.read(10 if cut else -1))

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def file(self, name: str, suffix: str) -> Path:
        return self.root / "org" / "sample" / name / "1.0" / f"{name}-1.0.{suffix}"

    def publish(self, name: str, suffix: str, content: bytes) -> None:
        file = self.file(name, suffix)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.with_name(file.name + ".sha1").write_text(hashlib.sha1(content).hexdigest())

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def maven(tmp_path: Path) -> Iterator[Maven]:
    found = Maven(tmp_path / "published")
    for name, more in (("engine", NEEDS.format(name="part")), ("part", "")):
        found.publish(name, "pom", POM.format(name=name, more=more).encode())
        found.publish(name, "jar", f"the jar {name}".encode() * 1000)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for path, text in (("engine-1.0/bin/run", b"#!/bin/sh\n"), ("engine-1.0/lib/a.jar", b"jar")):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text))
    found.publish("engine", "tar.gz", archive.getvalue())
    yield found
    found.stop()


@pytest.fixture
def store(tmp_path: Path, maven: Maven) -> Store:
    return Store(tmp_path / "cache", maven.url)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_class_path_holds_what_is_needed(store: Store, maven: Maven) -> None:
    jars = store.classpath(["org.sample:engine:1.0"])
    assert [jar.name for jar in jars] == ["engine-1.0.jar", "part-1.0.jar"]
    assert jars[1].read_bytes() == maven.file("part", "jar").read_bytes()


def test_a_warm_cache_needs_no_network(store: Store, maven: Maven) -> None:
    jars = store.classpath(["org.sample:engine:1.0"])
    folder = store.unpacked("org.sample:engine:1.0")
    maven.stop()
    assert store.classpath(["org.sample:engine:1.0"]) == jars
    assert store.unpacked("org.sample:engine:1.0") == folder


def test_a_program_in_one_jar_is_fetched_alone_and_once(store: Store, maven: Maven) -> None:
    maven.file("engine", "jar").with_name("engine-1.0-exec.jar").write_bytes(b"all of it")
    digest = hashlib.sha1(b"all of it").hexdigest()
    maven.file("engine", "jar").with_name("engine-1.0-exec.jar.sha1").write_text(digest)
    jar = store.jar("org.sample:engine:1.0", "exec")
    assert jar.read_bytes() == b"all of it"
    assert "part-1.0.jar" not in files(store.cache)
    maven.stop()
    assert store.jar("org.sample:engine:1.0", "exec") == jar


def test_a_distribution_is_unpacked_read_only_and_runnable(store: Store) -> None:
    folder = store.unpacked("org.sample:engine:1.0")
    assert (folder / "bin" / "run").stat().st_mode & 0o777 == 0o555
    assert "engine-1.0.tar.gz" not in files(store.cache)


def test_a_jar_that_is_gone_or_cut_is_fetched_again(store: Store) -> None:
    first, second = store.classpath(["org.sample:engine:1.0"])
    whole = first.read_bytes()
    first.write_bytes(whole[:100])
    second.unlink()
    assert store.classpath(["org.sample:engine:1.0"])[0].read_bytes() == whole


def test_a_wrong_checksum_leaves_nothing(store: Store, maven: Maven) -> None:
    maven.file("part", "jar").write_bytes(b"something else")
    with pytest.raises(DownloadError, match=r"part-1\.0\.jar is broken"):
        store.classpath(["org.sample:engine:1.0"])
    assert not [name for name in files(store.cache) if name.startswith("part-1.0.jar") or name.endswith(".part")]


def test_an_unknown_artifact_is_named(store: Store) -> None:
    with pytest.raises(DownloadError, match="not found"):
        store.unpacked("org.sample:part:1.0")


def test_no_network_is_said(store: Store, maven: Maven) -> None:
    maven.stop()
    with pytest.raises(DownloadError, match="Check the network"):
        store.classpath(["org.sample:engine:1.0"])


def test_too_little_room_is_said_before_anything_is_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # Needs more than any disk has: the check is real, only the reserve is not.
    monkeypatch.setattr(disk, "SPARE_BYTES", 10**18)
    with pytest.raises(DiskFullError, match="FAIRLEAD_CACHE"):
        store.unpacked("org.sample:engine:1.0")
    assert "engine-1.0.tar.gz" not in files(store.cache)


def test_a_disk_that_fills_up_is_said_and_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_a_full_disk(*, dir: Path, prefix: str, suffix: str) -> tuple[int, str]:  # noqa: A002 - as mkstemp calls it
        # What is written here the kernel refuses with its own "no space left on device".
        return os.open("/dev/full", os.O_WRONLY), str(dir / f"{prefix}new{suffix}")

    monkeypatch.setattr("workers.engine.downloads.tempfile.mkstemp", on_a_full_disk)
    with pytest.raises(DiskFullError, match=r"is full.*FAIRLEAD_CACHE"):
        store.classpath(["org.sample:engine:1.0"])
    assert files(store.cache) == ["lock"]


def test_a_download_that_breaks_off_is_not_used(store: Store, maven: Maven) -> None:
    maven.breaks_off = True
    with pytest.raises(DownloadError, match="Check the network"):
        store.classpath(["org.sample:engine:1.0"])
    assert files(store.cache) == ["lock"]
    maven.breaks_off = False
    assert len(store.classpath(["org.sample:engine:1.0"])) == 2


def test_progress_counts_the_bytes(tmp_path: Path, maven: Maven) -> None:
    seen: dict[str, list[int]] = {}

    @contextmanager
    def progress(name: str, total: int) -> Iterator[Callable[[int], None]]:
        seen[name] = [total, 0]

        def advance(received: int) -> None:
            seen[name][1] += received

        yield advance

    Store(tmp_path / "cache", maven.url, progress).classpath(["org.sample:engine:1.0"])
    total, received = seen["part-1.0.jar"]
    assert total == received == maven.file("part", "jar").stat().st_size


def test_two_at_once_fetch_once(store: Store, maven: Maven) -> None:
    threads = [threading.Thread(target=store.classpath, args=(["org.sample:engine:1.0"],)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([line for line in maven.asked if line.endswith("part-1.0.jar")]) == 1
    shutil.rmtree(store.cache)
