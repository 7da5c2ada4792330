"""Fetches Maven artifacts into the cache: resolved by jgo, checked against the published SHA-1, never half.

The cache holds a Maven repository (``maven/``), unpacked distributions (``unpacked/``) and, for each coordinate
resolved once, the list of its files (``resolved/``), so that a warm cache needs no network at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import httpx
import requests
import structlog
from jgo.maven import MavenContext, PythonResolver

from workers.engine.disk import disk_errors, require_space
from workers.engine.errors import DownloadError

if TYPE_CHECKING:
    from jgo.maven import Artifact

log = structlog.get_logger()
T = TypeVar("T")

ProgressCallback = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Called with a file's name and size in bytes; the context's value is called with each number of bytes received."""

UNPACKED_RATIO = 1.25
"""How much larger a distribution is unpacked; jars inside an archive hardly shrink."""
SETTING = "FAIRLEAD_CACHE"
"""Puts the cache elsewhere."""
CONNECTIONS = 6
TIMEOUT_SECONDS = 60.0


@contextmanager
def silent(_name: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Progress shown to nobody."""
    yield lambda _received: None


class CheckedResolver(PythonResolver):
    """jgo's resolver with our own fetching: the published SHA-1 decides, and only whole files appear in the cache.

    jgo itself only warns about a wrong checksum and writes straight to the final name.
    """

    def __init__(self, progress: ProgressCallback) -> None:
        super().__init__()
        self.progress = progress
        self.http = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True)

    def download(self, artifact: Artifact) -> Path:
        """Fetch one file; raises `DownloadError` if no repository has it whole and right."""
        target = cast("Path", artifact.cached_path)
        tried = ""
        for repository in artifact.context.remote_repos.values():
            url = f"{repository.rstrip('/')}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}"
            try:
                published = self.http.get(url + ".sha1")
                if published.status_code == httpx.codes.NOT_FOUND:
                    tried += f"; {url}: not found"
                    continue
                published.raise_for_status()
                words = published.text.split()
                if not words:
                    raise DownloadError(f"The checksum {url}.sha1 is empty, so {artifact.filename} is not used.")
                self._fetch(url, words[0].lower(), target)
            except httpx.HTTPStatusError as error:
                tried += f"; {url}: HTTP {error.response.status_code}"
                continue
            except httpx.HTTPError as error:
                raise DownloadError(
                    f"{artifact.filename} could not be downloaded ({str(error) or type(error).__name__}). "
                    "Check the network and run the command again; what is complete is kept."
                ) from error
            return target
        raise DownloadError(f"{artifact} could not be downloaded{tried}. Check `FAIRLEAD_VERSIONS` and the network.")

    def _fetch(self, url: str, expected: str, target: Path) -> None:
        """Stream one file to a temporary name beside ``target``, check it, and only then give it its name."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
        part = Path(name)
        try:
            digest = hashlib.sha1(usedforsecurity=False)
            with os.fdopen(handle, "wb") as file, self.http.stream("GET", url) as response:
                response.raise_for_status()
                total = int(response.headers.get("content-length", 0))
                require_space(target.parent, total, SETTING)
                with self.progress(target.name, total) as advance:
                    for chunk in response.iter_bytes(262_144):
                        file.write(chunk)
                        digest.update(chunk)
                        advance(len(chunk))
            if digest.hexdigest() != expected:
                raise DownloadError(
                    f"{target.name} is broken: its SHA-1 is {digest.hexdigest()}, published is {expected}. "
                    "It was thrown away; run the command again."
                )
            part.chmod(0o644)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@dataclass(frozen=True)
class Store:
    """The download cache of one user; safe for several processes at once."""

    cache: Path
    repository: str | None = None
    """Base URL of a Maven repository; None: Maven Central."""
    progress: ProgressCallback = silent

    def classpath(self, coordinates: Sequence[str]) -> list[Path]:
        """Jars of all ``coordinates`` and what they need at run time, fetched if they are missing.

        Raises `DownloadError`.
        """
        jars: dict[str, Path] = {}
        for coordinate in coordinates:
            for jar in self._resolved(coordinate):
                jars.setdefault(jar.name, jar)
        return list(jars.values())

    def unpacked(self, coordinate: str) -> Path:
        """The folder of a ``group:artifact:version`` distribution (tar.gz), unpacked and read-only.

        Raises `DownloadError`.
        """
        group, artifact, version = coordinate.split(":")
        folder = self.cache / "unpacked" / f"{artifact}-{version}"
        if folder.is_dir():
            return folder
        with self._locked():
            if folder.is_dir():  # another process was quicker
                return folder
            file = self._context().project(group, artifact).at_version(version).artifact(packaging="tar.gz")
            archive = self._jgo(file.resolve)
            self._unpack(archive, folder)
            archive.unlink()
            return folder

    def jar(self, coordinate: str, classifier: str = "") -> Path:
        """One jar alone, without what it needs.

        Raises `DownloadError`.
        """
        group, artifact, version = coordinate.split(":")

        def found(context: MavenContext) -> list[Artifact]:
            component = context.project(group, artifact).at_version(version)
            return [component.artifact(classifier=classifier)]

        return self._fetched(f"{coordinate}:{classifier or 'jar'}", found)[0]

    def _resolved(self, coordinate: str) -> list[Path]:
        def found(context: MavenContext) -> list[Artifact]:
            roots, needed = self._jgo(lambda: context.resolver.resolve([context.create_dependency(coordinate)]))
            return [d.artifact for d in [*roots, *needed] if d.type == "jar" and d.scope not in {"test", "provided"}]

        return self._fetched(coordinate, found)

    def _fetched(self, coordinate: str, find: Callable[[MavenContext], list[Artifact]]) -> list[Path]:
        record = self.cache / "resolved" / (coordinate.replace(":", "_") + ".json")
        known = self._read(record)
        if known is not None:
            return known
        with self._locked():
            known = self._read(record)
            if known is not None:
                return known
            wanted = find(self._context())
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                jars = list(pool.map(lambda artifact: self._jgo(artifact.resolve), wanted))
            lines = [{"file": str(jar.relative_to(self.cache)), "bytes": jar.stat().st_size} for jar in jars]
            record.parent.mkdir(parents=True, exist_ok=True)
            part = record.with_suffix(".part")
            part.write_text(json.dumps(lines, indent=1))
            part.replace(record)
            log.info("parts resolved", action="engine.resolve", coordinate=coordinate, files=len(jars))
            return jars

    def _read(self, record: Path) -> list[Path] | None:
        """The files of a former resolution, or None if one is missing or has another size than it had."""
        if not record.exists():
            return None
        jars = []
        for line in json.loads(record.read_text()):
            jar = self.cache / line["file"]
            if not jar.exists() or jar.stat().st_size != line["bytes"]:
                jar.unlink(missing_ok=True)
                return None
            jars.append(jar)
        return jars

    def _context(self) -> MavenContext:
        remote = {"maven": self.repository} if self.repository else None
        return MavenContext(
            resolver=CheckedResolver(self.progress),
            repo_cache=self.cache / "maven",
            local_repos=[],
            remote_repos=remote,
            timeout=int(TIMEOUT_SECONDS),
        )

    def _jgo(self, call: Callable[[], T]) -> T:
        """Run a call of jgo, whose own metadata look-ups use requests, with errors that say what to do."""
        try:
            return call()
        except requests.RequestException as error:
            raise DownloadError(f"The Maven repository does not answer ({error}). Check the network.") from error

    def _unpack(self, archive: Path, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        require_space(folder.parent, int(archive.stat().st_size * UNPACKED_RATIO), SETTING)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".part-"))
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(part, filter="data")
            inside = list(part.iterdir())
            top = inside[0] if len(inside) == 1 and inside[0].is_dir() else part
            for path in sorted(top.rglob("*")):
                path.chmod(
                    path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) if path.is_file() else 0o755
                )
            top.rename(folder)
        except (tarfile.TarError, EOFError) as error:
            archive.unlink()
            raise DownloadError(f"{archive.name} cannot be unpacked ({error}). Run the command again.") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process fetches at a time; the lock goes with the process that holds it."""
        with disk_errors(self.cache, SETTING):
            self.cache.mkdir(parents=True, exist_ok=True)
            with (self.cache / "lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
