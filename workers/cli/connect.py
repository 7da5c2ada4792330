"""`fairlead connect …`: whether another system is ready to be worked with, and what is taken from it or kept equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli import _connect_accounts, _connect_booked, _connect_orders, _connect_sync

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from psycopg import AsyncConnection
    from psycopg.rows import DictRow

    from workers.connectors.checking import Finding
    from workers.settings import Settings

    Look = Callable[[Settings, list[str] | None], Awaitable[Sequence[Finding]]]
    """With a list, missing fields are made first, and their names put there."""

app = typer.Typer(
    no_args_is_help=True, help="Other systems: whether they are ready, and keeping leads equal with them."
)
check = typer.Typer(
    no_args_is_help=True, help="Rights, fields, people and limits; nothing is changed unless asked for."
)
app.add_typer(check, name="check")
app.command("import")(_connect_sync.import_)
app.command()(_connect_sync.reconcile)
app.command()(_connect_sync.report)
app.command()(_connect_accounts.accounts)
app.command()(_connect_orders.orders)
app.command()(_connect_booked.booked)

SECONDS = 10.0
"""Of each request."""
WAITED_SECONDS = 15.0
"""The limits of some seconds that others use up are over by then; refused log-ins and the day's limits are not."""


@check.callback()
def _group() -> None:
    """Rights, fields, people and limits; nothing is changed unless asked for."""


_CREATE = Annotated[bool, typer.Option("--create-fields", help="First make the fields that Fairlead keeps for itself.")]
_JSON = Annotated[bool, typer.Option("--json", help="As a JSON array.")]


@check.command()
def hubspot(create_fields: _CREATE = False, as_json: _JSON = False) -> None:
    """Look at the HubSpot account of FAIRLEAD_HUBSPOT__…; the exit code is 1 if something has to be mended."""
    _report("HubSpot", _hubspot, create_fields, as_json)


@check.command()
def salesforce(create_fields: _CREATE = False, as_json: _JSON = False) -> None:
    """Look at the organisation of FAIRLEAD_SALESFORCE__…; the exit code is 1 if something has to be mended."""
    _report("Salesforce", _salesforce, create_fields, as_json)


@check.command()
def workday(as_json: _JSON = False) -> None:
    """Run the reports of FAIRLEAD_WORKDAY__…; the exit code is 1 if something has to be mended."""
    _report("Workday", _workday, create=False, as_json=as_json)


@check.command()
def sap(as_json: _JSON = False) -> None:
    """Look at the SAP system of FAIRLEAD_SAP__…; the exit code is 1 if something has to be mended."""
    _report("SAP", _sap, False, as_json)


def _report(title: str, look: Look, create: bool, as_json: bool) -> None:
    import asyncio
    import json
    from dataclasses import asdict

    from workers.cli._support import fail, print_table
    from workers.connectors.answers import SystemPause
    from workers.connectors.making import NotConnected
    from workers.connectors.sync.patience import patiently
    from workers.runtime.errors import TaskError
    from workers.settings import get_settings

    made: list[str] = []

    async def looked() -> Sequence[Finding]:
        return await patiently(
            lambda: look(get_settings(), made if create else None), failures=1, longest=WAITED_SECONDS
        )

    try:
        findings = asyncio.run(looked())
    except (NotConnected, SystemPause, TaskError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        if made:
            typer.echo(f"Made: {', '.join(made)}")
        marks = {"ok": "ok", "wrong": "TO MEND", "note": "note"}
        print_table(
            title, ["", "what", "", "found"], [[one.area, one.what, marks[one.state], one.said] for one in findings]
        )
    wrong = sum(one.state == "wrong" for one in findings)
    if wrong:
        fail(f"{wrong} to mend; see docs/connect-{title.lower()}.md.")


async def _hubspot(settings: Settings, made: list[str] | None) -> Sequence[Finding]:
    from workers.connectors import mapping
    from workers.connectors.hubspot import check, making
    from workers.connectors.hubspot.login import Login
    from workers.connectors.hubspot.mapping import FieldMapping
    from workers.connectors.hubspot.pace import Pace

    fields = mapping.load(FieldMapping, settings.hubspot.mapping)
    client = making.client(settings.hubspot, Login(settings.hubspot), Pace(), seconds=SECONDS)
    try:
        uses = settings.crms.uses("hubspot")
        if made is not None:
            made += await check.create_fields(client, fields, uses)
        return [one async for one in check.check(client, fields, await _reps(settings), uses)]
    finally:
        await client.close()


async def _salesforce(settings: Settings, made: list[str] | None) -> Sequence[Finding]:
    from workers.connectors import mapping
    from workers.connectors.salesforce import check, fields, making
    from workers.connectors.salesforce.login import Login
    from workers.connectors.salesforce.mapping import FieldMapping
    from workers.connectors.salesforce.pace import Pace

    places = mapping.load(FieldMapping, settings.salesforce.mapping)
    client = making.client(settings.salesforce, Login(settings.salesforce), Pace(), seconds=SECONDS)
    try:
        uses = settings.crms.uses("salesforce")
        if made is not None:
            made += await fields.create_fields(client, places, uses)
        found = [one async for one in check.check(client, places, await _reps(settings), uses)]
        if settings.salesforce.changes == "events":
            bus = making.bus(settings.salesforce, client)
            try:
                found.append(await check.check_events(bus, settings.salesforce.topic))
            finally:
                await bus.close()
        return found
    finally:
        await client.close()


async def _workday(settings: Settings, _made: list[str] | None) -> Sequence[Finding]:
    from workers.connectors import mapping
    from workers.connectors.workday import check, making
    from workers.connectors.workday.mapping import FieldMapping

    columns = mapping.load(FieldMapping, settings.workday.mapping)
    client = making.client(settings.workday)
    try:
        people = making.people(settings.workday, client)
        found = check.check(people, columns, settings.workday, await _reps(settings))
        return [one async for one in found]
    finally:
        await client.close()


async def _sap(settings: Settings, _made: list[str] | None) -> Sequence[Finding]:
    from workers.connectors import mapping
    from workers.connectors.sap import check, check_orders, making
    from workers.connectors.sap.mapping import PartnerMapping
    from workers.connectors.sap.order_mapping import OrderMapping

    fields = mapping.load(PartnerMapping, settings.sap.mapping)
    client = making.client(settings.sap, seconds=SECONDS)
    try:
        found = [one async for one in check.check(client, fields)]
    finally:
        await client.close()
    if settings.sap.order_mapping is None:
        return found
    order = mapping.load(OrderMapping, settings.sap.order_mapping)
    client = making.orders_client(settings.sap, seconds=SECONDS)
    try:
        return [*found, *[one async for one in check_orders.check(client, order)]]
    finally:
        await client.close()


async def _reps(settings: Settings) -> list[str] | None:
    import psycopg
    from psycopg.rows import dict_row

    try:
        connection: AsyncConnection[DictRow] = await psycopg.AsyncConnection.connect(
            settings.dsn, connect_timeout=5, row_factory=dict_row
        )
        async with connection:
            cursor = await connection.execute("SELECT email FROM routing.reps WHERE active ORDER BY email")
            return [row["email"] for row in await cursor.fetchall()]
    except psycopg.Error:
        return None
