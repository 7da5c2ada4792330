"""Writes the sample opportunities to the CRM, and trains the first win model on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.opportunity_prioritisation.adapters.models import card_of, store
from workers.opportunity_prioritisation.winning.snapshots import read_snapshots
from workers.opportunity_prioritisation.winning.training import train
from workers.sample.geography import TERRITORIES
from workers.sample.opportunities import ORGANISATION, Deal, opportunities
from workers.sample.organisation import organisation


@dataclass(frozen=True, slots=True)
class Sold:
    """What was written."""

    open: int
    closed: int
    model: str
    """Version of the win model in use."""


async def load_selling(connection: AsyncConnection[DictRow], seed: int, today: dt.date) -> Sold:
    """Write the opportunities; rows that exist are put back to what the seed says. A model in use stays.

    The organisation's territories and accounts must be there; see `sample.loading`.
    """
    deals = opportunities(seed, organisation(seed, today).accounts, today)
    await connection.execute(
        "INSERT INTO selling.organisations (id, name, territories) VALUES (%s, 'Sample sales', %s)"
        " ON CONFLICT (id) DO UPDATE SET territories = excluded.territories",
        (ORGANISATION, [territory.id for territory in TERRITORIES]),
    )
    await _write(connection, deals)
    card = await card_of(connection)
    if card is None:
        trained = train(await read_snapshots(connection), seed=seed)
        await store(connection, trained.model, trained.card)
        card = trained.card
    closed = sum(deal.closed_at is not None for deal in deals)
    return Sold(len(deals) - closed, closed, str(card["model"]))


async def _write(connection: AsyncConnection[DictRow], deals: Sequence[Deal]) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO crm.opportunities (id, name, account_id, owner_id, stage, source, product, amount_eur, opened_at,
                stage_since, last_contact_at, contacts, decision_maker, competitors, closed_at, won)
            VALUES (%(opportunity_id)s, %(name)s, %(account_id)s, %(owner_id)s, %(stage)s, %(source)s, %(product)s,
                %(amount_eur)s, %(opened_at)s, %(stage_since)s, %(last_contact_at)s, %(contacts)s, %(decision_maker)s,
                %(competitors)s, %(closed_at)s, %(won)s)
            ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, amount_eur = excluded.amount_eur,
                opened_at = excluded.opened_at, stage_since = excluded.stage_since,
                last_contact_at = excluded.last_contact_at, contacts = excluded.contacts,
                decision_maker = excluded.decision_maker, closed_at = excluded.closed_at, won = excluded.won
            """,
            [
                asdict(deal.now) | {
                    "name": deal.name, "account_id": deal.account_id, "owner_id": deal.owner_id, "source": deal.source,
                    "product": deal.product, "opened_at": deal.opened_at, "closed_at": deal.closed_at, "won": deal.won,
                }
                for deal in deals
            ],
        )  # fmt: skip
        await cursor.execute(
            "DELETE FROM crm.opportunity_snapshots WHERE opportunity_id = ANY(%s)",
            ([deal.now.opportunity_id for deal in deals],),
        )
        await cursor.executemany(
            """
            INSERT INTO crm.opportunity_snapshots (opportunity_id, taken_at, stage, stage_since, amount_eur,
                last_contact_at, contacts, decision_maker, competitors)
            VALUES (%(opportunity_id)s, %(taken_at)s, %(stage)s, %(stage_since)s, %(amount_eur)s, %(last_contact_at)s,
                %(contacts)s, %(decision_maker)s, %(competitors)s)
            """,
            [asdict(moment) for deal in deals for moment in deal.snapshots],
        )
