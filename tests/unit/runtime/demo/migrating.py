"""A database as an older, or a newer, version of Fairlead left it."""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from workers.runtime import database

FOLDER = Path(database.__file__).parent.parent / "migrations"


def head() -> str | None:
    return ScriptDirectory(str(FOLDER)).get_current_head()


def migrate_to_the_last_but_one(dsn: str) -> None:
    before = ScriptDirectory(str(FOLDER)).get_revision("head").down_revision
    assert isinstance(before, str)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before)
    assert database.current(dsn) == before


def mark_as_newer(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE schema_version SET version_num = '9999'")
