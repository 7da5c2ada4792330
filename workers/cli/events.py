"""`fairlead events …`: events by Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Events by Kafka: taken in, taken again, and what they say.")

_MOMENTS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]


@app.callback()
def _group() -> None:
    """Events by Kafka: taken in, taken again, and what they say."""


@app.command()
def run(
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /healthz and /readyz there; default: ports.events_metrics.")
    ] = None,
) -> None:
    """Take what the topics of FAIRLEAD_KAFKA__TOPICS_IN bring until SIGTERM; any number may run."""
    import asyncio

    from workers.cli._support import port_refused
    from workers.runtime import logs
    from workers.settings import get_settings

    settings = get_settings()
    logs.configure(settings)
    port = settings.ports.events_metrics if metrics_port is None else metrics_port
    with _understood():
        from workers.connectors.kafka.serving import serve

        try:
            asyncio.run(serve(settings, port))
        except OSError as error:
            port_refused(port, error)


@app.command()
def replay(
    topic: Annotated[str, typer.Argument(help="One of FAIRLEAD_KAFKA__TOPICS_IN.")],
    since: Annotated[datetime, typer.Option(formats=_MOMENTS, help="From this time on; UTC unless it says otherwise.")],
    until: Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="Before this time; default: now.")] = None,
) -> None:
    """Take the events of a stretch of time once more. What had its effect has none again; nothing is put among the dead."""
    import asyncio

    from workers.cli._support import fail, needs_database
    from workers.runtime.database import open_pool
    from workers.settings import get_settings

    settings = get_settings()
    first, last = _aware(since), _aware(until) if until else datetime.now(UTC)
    if first >= last:
        fail("--since must be before --until.")
    with _understood(), needs_database():
        from workers.connectors.kafka.replaying import NoTopic
        from workers.connectors.kafka.replaying import replay as again

        async def go() -> None:
            pool = await open_pool(settings.dsn, max_size=2)
            try:
                became = await again(settings, pool, topic, first, last, lambda number: typer.echo(f"{number} events"))
            finally:
                await pool.close()
            for name, number in sorted(became.items()):
                typer.echo(f"{name}: {number}")

        try:
            asyncio.run(go())
        except NoTopic as error:
            fail(str(error))


@app.command()
def contracts() -> None:
    """Print what may be said on each topic of FAIRLEAD_KAFKA__…, as an AsyncAPI 3.0 description with JSON Schemas."""
    import json

    from workers.cli._support import fail
    from workers.settings import get_settings

    kafka = get_settings().kafka
    if not kafka.topics_in and not kafka.topic_out:
        fail("There are no topics: set FAIRLEAD_KAFKA__TOPICS_IN or FAIRLEAD_KAFKA__TOPIC_OUT first.")
    with _understood():
        from workers.connectors.kafka.contracts import description

        typer.echo(json.dumps(description(kafka), indent=2, ensure_ascii=False))


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@contextmanager
def _understood() -> Iterator[None]:
    """Turn what a user can mend into a sentence and exit code 1."""
    from workers.cli._support import fail

    try:
        from aiokafka.errors import KafkaError

        from workers.connectors.kafka.brokers import NotConnected
    except ModuleNotFoundError as error:
        fail(f"{error.name} is missing; install Fairlead with its extra 'events'.")
    try:
        yield
    except NotConnected as error:
        fail(str(error))
    except KafkaError as error:
        fail(
            f"The brokers can't be used ({type(error).__name__}). FAIRLEAD_KAFKA__… says where they are and who we are."
        )
