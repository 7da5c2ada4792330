"""One replay in a process of its own: ``python -m workers.what_if.child``.

Standard input: a line of JSON (`Order`). Standard output: a line of JSON with an ``answer`` (`WhatIf`), or with
``refused`` or ``unfinished`` in words. The JVM stays out of whoever asks, and its jars cannot meet those of another.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psycopg
from pydantic import BaseModel, SecretStr

from workers.child_side import Answers
from workers.engine.errors import EngineError
from workers.settings import Settings, Versions
from workers.what_if.errors import Refused


class Order(BaseModel):
    """What is to be replayed, and where."""

    table: str
    last: int
    cases: int
    dsn: str
    models: Path
    cache: Path
    maven_repository: str | None
    camunda: str
    sales_calendar: str
    sales_timezone: str

    @staticmethod
    def of(settings: Settings, table: str, *, last: int, cases: int) -> Order:
        """An order to a child of this installation."""
        return Order(
            table=table,
            last=last,
            cases=cases,
            dsn=settings.dsn,
            models=settings.models.absolute(),
            cache=settings.cache.absolute(),
            maven_repository=settings.maven_repository,
            camunda=settings.versions.camunda,
            sales_calendar=settings.sales_calendar,
            sales_timezone=settings.sales_timezone,
        )

    def settings(self) -> Settings:
        """The settings that the replay needs."""
        return Settings(
            database_url=SecretStr(self.dsn),
            models=self.models,
            cache=self.cache,
            maven_repository=self.maven_repository,
            versions=Versions(camunda=self.camunda),
            sales_calendar=self.sales_calendar,
            sales_timezone=self.sales_timezone,
        )


def _answer(order: Order) -> dict[str, object]:
    try:
        from workers.what_if.replaying import replay  # noqa: PLC0415 - it needs the extra `what-if`

        found = asyncio.run(replay(order.settings(), order.table.encode(), last=order.last, cases=order.cases))
    except Refused as error:
        return {"refused": str(error)}
    except (ModuleNotFoundError, psycopg.Error, EngineError, OSError) as error:
        return {"unfinished": _words(error)}
    return {"answer": found.model_dump(mode="json")}


def _words(error: Exception) -> str:
    match error:
        case ModuleNotFoundError():
            return f"Camunda's evaluation of tables needs {error.name}: install `fairlead[what-if]`."
        case psycopg.errors.UndefinedTable():
            return "The database lacks tables. Run `fairlead db upgrade`."
        case psycopg.OperationalError():
            return "The database can't be reached. Start it (`fairlead up`) or set FAIRLEAD_DATABASE_URL."
        case _:
            return str(error)


def main() -> None:
    """Read an order, answer it."""
    answers = Answers()
    answers.line(_answer(Order.model_validate_json(sys.stdin.readline())))
    os._exit(0)  # the JVM's threads would keep it from ending


if __name__ == "__main__":
    main()
