"""`fairlead connect booked`: what SAP's sales orders amount to, as the sales that an organisation's forecast is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import date

    from workers.connectors.sap.booked import Sums
    from workers.forecast_review.adapters.sales import Stored


def booked(
    organisation: Annotated[str, typer.Argument(help="Whose sales they are.", metavar="ORGANISATION")],
    since: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="The first month; the last one is the one that ended last.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Take sales from SAP's sales orders; segments without any in a month get 0. `booked` of the order mapping says how."""
    import asyncio
    from datetime import UTC, date, datetime

    from workers.cli._support import fail, needs_database
    from workers.connectors.answers import SystemPause
    from workers.connectors.making import NotConnected
    from workers.runtime.errors import TaskError

    before = datetime.now(UTC).date().replace(day=1)
    try:
        first = date.fromisoformat(f"{since}-01")
    except ValueError:
        raise typer.BadParameter(f"{since} is no month; write it as 2026-01.") from None
    if first >= before:
        fail(f"{since} is not over yet; sales are taken of whole months.")
    try:
        with needs_database():
            sums, stored = asyncio.run(_taken(organisation, first, before, store=not dry_run))
    except (NotConnected, SystemPause, TaskError) as error:
        fail(f"{error} Nothing was changed.")
    if sums.others:
        others = ", ".join(f"{number:,} in {currency}" for currency, number in sorted(sums.others.items()))
        typer.echo(f"Left out, as they are in other currencies: {others}.")
    if sums.unplaced:
        typer.echo(f"Left out, as they say no segment: {sums.unplaced:,}.")
    typer.echo(f"{sums.orders:,} orders make {len(sums.sales):,} sums.")
    if stored is not None:
        typer.echo(f"{stored.new:,} new, {stored.changed:,} changed, {stored.same:,} the same.")


async def _taken(name: str, first: date, before: date, *, store: bool) -> tuple[Sums, Stored | None]:
    from datetime import UTC, date, datetime, timedelta

    import psycopg
    from psycopg.rows import dict_row

    from workers.cli._support import fail
    from workers.connectors import mapping
    from workers.connectors.making import DELIVERING_SECONDS
    from workers.connectors.sap import booked, making
    from workers.connectors.sap.order_mapping import OrderMapping
    from workers.forecast_review.adapters import sales
    from workers.gateway.forecast_commands import take_sales
    from workers.settings import get_settings

    settings = get_settings()
    order = mapping.load(OrderMapping, settings.sap.order_mapping) if settings.sap.order_mapping else None
    if order is None or order.booked is None:
        fail("It is not said what a segment is: set FAIRLEAD_SAP__ORDER_MAPPING to a file with `booked`.")
    async with await psycopg.AsyncConnection.connect(
        settings.dsn, connect_timeout=5, row_factory=dict_row
    ) as connection:
        organisation = await sales.organisation(connection, name)
        if organisation is None:
            fail(f"There is no organisation {name}; make it by `fairlead forecast load`.")
        if len(organisation.levels) != len(order.booked.segment):
            fail(f"`booked.segment` must have a property for each of {', '.join(organisation.levels)}.")
        if organisation.currency != order.booked.currency:
            fail(f"{name} counts in {organisation.currency or 'no money'}, and `booked` in {order.booked.currency}.")
        client = making.orders_client(settings.sap, seconds=DELIVERING_SECONDS)
        try:
            sums = await booked.read(client, order.booked, first, before)
        finally:
            await client.close()
        last = before - timedelta(days=1)
        there = await sales.sales_of(connection, organisation, [f"{first:%Y-%m}", f"{last:%Y-%m}"])
        none = {(segment, date.fromisoformat(f"{month}-01")): 0.0 for segment, month in there}
        if not store:
            return sums, None
        given = [(segment, month, value) for (segment, month), value in {**none, **sums.sales}.items()]
        return sums, await take_sales(connection, organisation, given, actor="sap", now=datetime.now(UTC))
