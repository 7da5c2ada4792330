"""`fairlead connect orders`: which sales order of SAP an opportunity became that was won."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow


def orders(
    opportunity: Annotated[str, typer.Argument(help="Only this one; without it the latest.", metavar="[ID]")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON array.")] = False,
) -> None:
    """Show which sales order of SAP each win became, and what became of that."""
    import json

    from workers.cli._support import database, needs_database, print_table

    async def read(connection: AsyncConnection[DictRow]) -> list[DictRow]:
        cursor = await connection.execute(
            """
            SELECT opportunity_id, system, win ->> 'name' AS name, (win ->> 'amount')::float8 AS amount, round, sales_order,
                CASE WHEN rejected_at IS NOT NULL THEN CASE WHEN sales_order IS NULL THEN 'withdrawn' ELSE 'rejected' END
                     WHEN withdrawn_at IS NOT NULL THEN 'to be rejected'
                     WHEN sales_order IS NOT NULL THEN 'made' ELSE 'to be made' END AS state
            FROM sap.orders WHERE %(one)s IN ('', opportunity_id) ORDER BY noted_at DESC, round DESC LIMIT %(limit)s
            """,
            {"one": opportunity, "limit": limit},
        )
        return await cursor.fetchall()

    with needs_database():
        found = database(read)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = [
        [row["opportunity_id"], row["name"], "" if row["amount"] is None else f"{row['amount']:,.2f}", row["sales_order"] or "",
         row["state"]]
        for row in found
    ]  # fmt: skip
    print_table("Sales orders", ["opportunity", "name", "EUR", "sales order", "state"], rows)
