"""What the commands of `fairlead scorer` share: models, their files and their checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from workers.cli._support import database, plainly

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.lead_routing.scoring.card import Card
    from workers.lead_routing.scoring.store import LeadReader
    from workers.lead_routing.scoring.training import Trained


def artifact_of(model: str | None, schema_name: str) -> bytes:
    """The bytes of a model file, or of the schema's active model. Raises ArtifactError or NoModelError."""
    from workers.lead_routing.scoring import store
    from workers.lead_routing.scoring.errors import ArtifactError, NoModelError

    if model is not None:
        try:
            return Path(model).read_bytes()
        except OSError as error:
            raise ArtifactError(f"{model} cannot be read: {error.strerror}") from error
    active = database(lambda conn: store.load_active(conn, schema_name))
    if active is None:
        raise NoModelError(f"schema {schema_name!r} has no active model; train one with `fairlead scorer train`")
    return active.artifact


def lead_reader(schema_name: str) -> LeadReader:
    """Reads a stored lead as the worker reads it for scoring; leads of sources with another schema are skipped."""
    from workers.lead_routing.adapters import upkeep
    from workers.settings import get_settings

    settings = get_settings()
    return upkeep.lead_reader(schema_name, schema=settings.scoring_schema, by_source=settings.scoring_schema_by_source)


def newest_outcomes(artifact: bytes, schema_name: str, rows: int) -> list[dict[str, object]]:
    """The newest recorded outcomes, as the model's own schema reads them."""
    from workers.lead_routing.adapters import upkeep
    from workers.lead_routing.scoring.upkeep import schema_of

    read = lead_reader(schema_name)
    return database(lambda conn: upkeep.newest_leads(conn, schema_of(artifact), read, rows))


def file_rows(artifact: bytes, file: Path, last: int | None) -> list[Mapping[str, object]]:
    """Rows of a file, or its last ones."""
    from workers.lead_routing.scoring.table import read_rows
    from workers.lead_routing.scoring.upkeep import schema_of

    rows = list(read_rows(file, schema_of(artifact))[0])
    return rows if last is None else rows[-last:]


async def ask_for_check(conn: AsyncConnection[DictRow], schema_name: str) -> bool:
    """Send the message that starts a check; whether it has to wait for an open review. Raises NoModelError."""
    from datetime import UTC, datetime

    from workers.lead_routing.adapters import upkeep
    from workers.lead_routing.domain.upkeep import ASKED, REVIEWED, scorer_id
    from workers.lead_routing.scoring import store
    from workers.lead_routing.scoring.errors import NoModelError

    if await store.active_version(conn, schema_name) is None:
        raise NoModelError(f"schema {schema_name!r} has no active model; train one with `fairlead scorer train`")
    await upkeep.ask_check(conn, schema_name, datetime.now(UTC).isoformat(), "person")
    cursor = await conn.execute(
        "SELECT action FROM runtime.timeline WHERE business_id = %s AND action = ANY(%s) ORDER BY id DESC LIMIT 1",
        (scorer_id(schema_name), [ASKED, REVIEWED]),
    )
    row = await cursor.fetchone()
    return row is not None and row["action"] == ASKED


async def last_checks(conn: AsyncConnection[DictRow]) -> dict[str, str]:
    """What the last check of each active model found, in a few words, by model version."""
    from workers.lead_routing.domain.upkeep import CHECKED, scorer_id

    found = {}
    cursor = await conn.execute("SELECT version, schema_name FROM routing.models WHERE active")
    for model in await cursor.fetchall():
        latest = await conn.execute(
            "SELECT facts FROM runtime.timeline WHERE business_id = %s AND action = %s"
            " AND facts->>'model_version' = %s ORDER BY id DESC LIMIT 1",
            (scorer_id(model["schema_name"]), CHECKED, model["version"]),
        )
        row = await latest.fetchone()
        found[model["version"]] = "not yet" if row is None else _in_short(row["facts"])
    return found


def _in_short(facts: Mapping[str, Any]) -> str:  # Any: JSON
    day = str(facts["checked_at"])[:10]
    if not facts["enough"]:
        return f"{day}: too few outcomes ({facts['rows']})"
    if facts["label_rate"] is None:
        return f"{day}: can't be read"
    figures = (
        f"ECE {facts['calibration']:.3f}, largest PSI {facts['largest_psi']:.2f}, {facts['label_rate']:.0%} convert"
    )
    return f"{day}: {'DRIFT' if facts['drifted'] else 'no drift to act on'} ({figures}, {facts['rows']:,} outcomes)"


def write(folder: Path, trained: Trained, card: Card) -> None:
    """Write a model with its card as JSON and Markdown."""
    from workers.lead_routing.scoring.card import render_markdown

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{trained.version}.scorer").write_bytes(trained.artifact)
    (folder / f"{trained.version}.card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (folder / f"{trained.version}.card.md").write_text(render_markdown(card), encoding="utf-8")
    typer.echo(f"Written to {folder / trained.version}.scorer, with its card as .card.json and .card.md.")


def keep(trained: Trained, card: Card, *, active: bool = True) -> None:
    """Store a model in the database, and make it the active one if asked."""
    from workers.lead_routing.scoring import store

    async def insert(conn: AsyncConnection[DictRow]) -> None:
        name = str(trained.payload.model_schema["name"])
        await store.save(conn, trained.version, name, trained.artifact, card)
        if active:
            await store.activate(conn, trained.version)

    with plain_errors():
        database(insert)
    typer.echo(f"Stored {trained.version}" + (" and made it active." if active else "; it is not active."))


@contextmanager
def plain_errors() -> Iterator[None]:
    """See `_support.plain_errors`."""
    from workers.lead_routing.scoring.errors import ScoringError

    with plainly(ScoringError, extra="scoring", offline="train into a folder with --out"):
        yield
