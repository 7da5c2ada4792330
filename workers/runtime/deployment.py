"""Puts bpmn/, dmn/ and forms/ on the engine as one deployment, and keeps which versions belong together.

The engine itself knows best whether anything changed: it answers a deployment of what it has with the versions and keys
it has. So everything is handed over each time, and only an answer with something new is kept in `runtime.deployments`.
That holds for a fresh engine beside an old database, too.

What changed has a new version tag: the history of a case names the tag, which must not mean two things.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from workers.runtime import splits
from workers.runtime.errors import PermanentError
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Deployed, Refused
from workers.settings import Settings

FOLDERS = {"bpmn": "*.bpmn", "dmn": "*.dmn", "forms": "*.form"}

_KEPT = (
    "{files} changed, but kept the version tag; nothing was deployed. The history of a case names the tag, so that one tag "
    "must not mean two things: raise it (in Camunda Modeler's properties panel: Version tag; in a table, that of each "
    "decision that changed), then deploy again. To try a change out alone: `fairlead deploy --same-tag`."
)
_TAG = "{http://camunda.org/schema/zeebe/1.0}versionTag"


class NothingToDeploy(PermanentError):
    """There is no diagram to deploy."""


class DeploymentRefused(PermanentError):
    """The engine refused the deployment."""


class TagKept(DeploymentRefused):
    """A file changed, but no version tag in it did."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process, decision, decision requirements graph or form, as deployed."""

    kind: str
    id: str
    version: int
    version_tag: str | None
    key: int
    file: str
    sha256: str


Kind = Literal["new", "changed", "raised", "unchanged"]
"""``raised``: the same content under a new version, because something else in the deployment changed. The engine does
that so that what belongs together has one deployment (seen on 8.6.0 and 8.8.21)."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a deployment did to one part."""

    part: Part
    before: int | None
    """The version this engine had before, as far as the database knows."""
    kind: Kind


@dataclass(frozen=True, slots=True)
class DeployReport:
    """What a deployment did."""

    deployment_key: int
    changed: bool
    changes: list[Change]
    tags_kept: list[str]
    """Files that changed under the version tag that they had."""

    def lines(self) -> list[str]:
        """One line for each part, for people."""
        said = {
            "new": "new, version {v}",
            "changed": "changed, version {b} → {v}",
            "raised": "unchanged, version {b} → {v} with the others",
            "unchanged": "unchanged, version {v}",
        }
        return [
            f"{change.part.kind} {change.part.id}: "
            + said[change.kind].format(v=change.part.version, b=change.before)
            + (f" (tag {change.part.version_tag})" if change.part.version_tag else "")
            for change in self.changes
        ] + [
            f"{file} changed, but kept its version tag: give it a new one before others work by it"
            for file in self.tags_kept
        ]


def read_models(folder: Path) -> dict[str, bytes]:
    """The files to deploy by name, from bpmn/, dmn/ and forms/ below `folder`.

    Raises:
        NothingToDeploy: there is no diagram.
    """
    files = {
        path.name: path.read_bytes()
        for name, pattern in FOLDERS.items()
        for path in sorted((folder / name).glob(pattern))
    }
    if not any(name.endswith(".bpmn") for name in files):
        raise NothingToDeploy(
            f"There is no diagram in {folder.resolve() / 'bpmn'}. Run this in the project's folder or set "
            "FAIRLEAD_MODELS to the folder that holds bpmn/, dmn/ and forms/."
        )
    return files


async def deploy(settings: Settings, client: ZeebeClient | None = None, *, same_tags: bool = False) -> DeployReport:
    """Deploy the models of `settings.models`, and keep the versions if any is new. With `same_tags` also what changed
    under the version tag that it had.

    Raises:
        NothingToDeploy: there is no diagram.
        TagKept: a file changed since the last deployment, but no version tag in it did; nothing was deployed.
        DeploymentRefused: the engine refused a file, or a new version can't run beside one that instances are to stay
            with; the message says which and why.
        EngineBusy: the engine can't be reached.
        psycopg.OperationalError: the database can't be reached; nothing was deployed.
    """
    files = read_models(settings.models)
    async with await psycopg.AsyncConnection.connect(settings.dsn, row_factory=dict_row) as connection:
        if client is not None:
            return await _deploy(connection, client, files, same_tags)
        async with ZeebeClient(settings) as own:
            return await _deploy(connection, own, files, same_tags)


async def _deploy(
    connection: psycopg.AsyncConnection[dict[str, Any]],
    client: ZeebeClient,
    files: Mapping[str, bytes],
    same_tags: bool,
) -> DeployReport:
    before = await _last(connection, client.address)
    kept = _tags_kept(files, before.values())
    if kept and not same_tags:
        raise TagKept(_KEPT.format(files=" and ".join(kept)))
    try:
        engine = await client.topology()
        await splits.before_deployment(connection, files, _differ(files, before.values()), engine.gateway_version)
    except splits.NotSideBySide as error:
        raise DeploymentRefused(f"{error} Nothing was deployed.") from None
    key, deployed = await _send(client, files)
    parts = _parts(files, deployed)
    report = _compare(key, before, parts, kept)
    if report.changed:
        digest = hashlib.sha256("".join(f"{part.file} {part.sha256}\n" for part in parts).encode()).hexdigest()
        await connection.execute(
            """
            INSERT INTO runtime.deployments (deployment_key, digest, resources, engine) VALUES (%s, %s, %s, %s)
            ON CONFLICT (deployment_key) DO UPDATE
            SET digest = excluded.digest, resources = excluded.resources, engine = excluded.engine,
                deployed_at = now()
            """,
            (key, digest, Jsonb([asdict(part) for part in parts]), client.address),
        )
        processes = [(part.id, part.version, part.key) for part in parts if part.kind == "process"]
        await splits.after_deployment(connection, processes)
    return report


async def versions_beside(
    connection: psycopg.AsyncConnection[dict[str, Any]], process_definition_key: int
) -> list[Part] | None:
    """The parts deployed together with a process definition, as a timeline entry's `process_definition_key` names it.

    None if it was not deployed by Fairlead.
    """
    cursor = await connection.execute(
        "SELECT resources FROM runtime.deployments WHERE resources @> %s ORDER BY deployed_at DESC LIMIT 1",
        (Jsonb([{"kind": "process", "key": process_definition_key}]),),
    )
    row = await cursor.fetchone()
    return None if row is None else [Part(**part) for part in row["resources"]]


async def _send(client: ZeebeClient, files: Mapping[str, bytes]) -> tuple[int, list[Deployed]]:
    try:
        return await client.deploy(files)
    except Refused as error:
        named = [name for name in files if name in str(error)]
        reason = re.sub(r"\s*\n\s*", " ", str(error)).strip()
        where = f"{' and '.join(named)}" if named else "the deployment"
        raise DeploymentRefused(f"The engine refused {where}; nothing was deployed. {reason}") from None


async def _last(connection: psycopg.AsyncConnection[dict[str, Any]], engine: str) -> dict[tuple[str, str], Part]:
    cursor = await connection.execute(
        "SELECT resources FROM runtime.deployments WHERE engine = %s ORDER BY deployed_at DESC LIMIT 1", (engine,)
    )
    row = await cursor.fetchone()
    return {(part["kind"], part["id"]): Part(**part) for part in (row["resources"] if row else [])}


def _parts(files: Mapping[str, bytes], deployed: list[Deployed]) -> list[Part]:
    graphs = {part.key: part.file for part in deployed if part.kind == "decisions"}
    parts = []
    for one in deployed:
        file = one.file or graphs.get(one.parent, "")
        content = files.get(file, b"")
        tag = _tag(content, one.kind, one.id)
        parts.append(Part(one.kind, one.id, one.version, tag, one.key, file, _digest(content)))
    return sorted(parts, key=lambda part: (part.kind != "process", part.kind, part.id))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _differ(files: Mapping[str, bytes], before: Iterable[Part]) -> bool:
    """Whether any file is new, or another than was deployed last."""
    known = {part.file: part.sha256 for part in before}
    return any(known.get(name) != _digest(content) for name, content in files.items())


def _tags_kept(files: Mapping[str, bytes], before: Iterable[Part]) -> list[str]:
    """Files that differ from what was deployed last, in which no version tag does, with their tags."""
    tagged: dict[str, list[Part]] = {}
    for part in before:
        if part.version_tag and part.file in files and part.sha256 != _digest(files[part.file]):
            tagged.setdefault(part.file, []).append(part)
    found = []
    for file, parts in sorted(tagged.items()):
        # What can't be read the engine refuses, and says why.
        with suppress(ElementTree.ParseError, ValueError):
            if all(_tag(files[file], part.kind, part.id) == part.version_tag for part in parts):
                found.append(f"{file} ({', '.join(sorted({str(part.version_tag) for part in parts}))})")
    return found


def _tag(content: bytes, kind: str, part_id: str) -> str | None:
    """The version tag that the file gives to this part."""
    if kind == "form":
        tag = json.loads(content).get("versionTag")
        return str(tag) if tag else None
    if kind == "decisions":
        return None
    root = ElementTree.fromstring(content)  # noqa: S314 - our own models
    for element in root.iter():
        if element.get("id") == part_id:
            found = element.find(f"*/{_TAG}")
            return None if found is None else found.get("value")
    return None


def _compare(key: int, before: Mapping[tuple[str, str], Part], parts: list[Part], tags_kept: list[str]) -> DeployReport:
    pairs = [(part, before.get((part.kind, part.id))) for part in parts]
    changes = [Change(part, old.version if old else None, _kind(old, part)) for part, old in pairs]
    return DeployReport(key, any(change.kind != "unchanged" for change in changes), changes, tags_kept)


def _kind(old: Part | None, part: Part) -> Kind:
    if old is None:
        return "new"
    if (old.key, old.version) == (part.key, part.version):
        return "unchanged"
    if part.version <= old.version:  # a fresh engine beside an old database
        return "new"
    return "raised" if old.sha256 == part.sha256 else "changed"
