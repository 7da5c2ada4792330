"""Puts bpmn/, dmn/ and forms/ on the engine as one deployment, and keeps which versions belong together.

The engine itself knows best whether anything changed: it answers a deployment of what it has with the versions and keys
it has. So everything is handed over each time, and only an answer with something new is kept in `runtime.deployments`.
That holds for a fresh engine beside an old database, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from workers.runtime.errors import PermanentError
from workers.runtime.zeebe import ZeebeClient
from workers.runtime.zeebe_types import Deployed, Refused
from workers.settings import Settings

FOLDERS = {"bpmn": "*.bpmn", "dmn": "*.dmn", "forms": "*.form"}

_TAG = "{http://camunda.org/schema/zeebe/1.0}versionTag"


class NothingToDeploy(PermanentError):
    """There is no diagram to deploy."""


class DeploymentRefused(PermanentError):
    """The engine refused the deployment."""


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


async def deploy(settings: Settings, client: ZeebeClient | None = None) -> DeployReport:
    """Deploy the models of `settings.models`, and keep the versions if any is new.

    Raises:
        NothingToDeploy: there is no diagram.
        DeploymentRefused: the engine refused a file; the message names it and the reason.
        EngineBusy: the engine can't be reached.
        psycopg.OperationalError: the database can't be reached; nothing was deployed.
    """
    files = read_models(settings.models)
    async with await psycopg.AsyncConnection.connect(settings.dsn, row_factory=dict_row) as connection:
        if client is None:
            async with ZeebeClient(settings) as own:
                key, deployed = await _send(own, files)
                engine = own.address
        else:
            key, deployed = await _send(client, files)
            engine = client.address
        parts = _parts(files, deployed)
        before = await _last(connection, engine)
        report = _compare(key, before, parts)
        if report.changed:
            digest = hashlib.sha256("".join(f"{part.file} {part.sha256}\n" for part in parts).encode()).hexdigest()
            await connection.execute(
                """
                INSERT INTO runtime.deployments (deployment_key, digest, resources, engine) VALUES (%s, %s, %s, %s)
                ON CONFLICT (deployment_key) DO UPDATE
                SET digest = excluded.digest, resources = excluded.resources, engine = excluded.engine,
                    deployed_at = now()
                """,
                (key, digest, Jsonb([asdict(part) for part in parts]), engine),
            )
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
        sha256 = hashlib.sha256(content).hexdigest()
        parts.append(Part(one.kind, one.id, one.version, _tag(content, one), one.key, file, sha256))
    return sorted(parts, key=lambda part: (part.kind != "process", part.kind, part.id))


def _tag(content: bytes, one: Deployed) -> str | None:
    """The version tag that the file gives to this part."""
    if one.kind == "form":
        tag = json.loads(content).get("versionTag")
        return str(tag) if tag else None
    if one.kind == "decisions":
        return None
    root = ElementTree.fromstring(content)  # noqa: S314 - our own models, which the engine has just accepted
    for element in root.iter():
        if element.get("id") == one.id:
            found = element.find(f"*/{_TAG}")
            return None if found is None else found.get("value")
    return None


def _compare(key: int, before: Mapping[tuple[str, str], Part], parts: list[Part]) -> DeployReport:
    pairs = [(part, before.get((part.kind, part.id))) for part in parts]
    changes = [Change(part, old.version if old else None, _kind(old, part)) for part, old in pairs]
    return DeployReport(key, any(change.kind != "unchanged" for change in changes), changes)


def _kind(old: Part | None, part: Part) -> Kind:
    if old is None:
        return "new"
    if (old.key, old.version) == (part.key, part.version):
        return "unchanged"
    if part.version <= old.version:  # a fresh engine beside an old database
        return "new"
    return "raised" if old.sha256 == part.sha256 else "changed"
