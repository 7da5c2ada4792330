"""What the tests of the ranking share."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime, timedelta

from workers.opportunity_prioritisation.domain.opportunity import Open, Opportunity
from workers.opportunity_prioritisation.winning.snapshots import Snapshot
from workers.sample.opportunities import opportunities
from workers.sample.organisation import organisation

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = dt.date(2026, 3, 2)


def opportunity(name: str = "a", **fields: object) -> Opportunity:
    """An opportunity in the middle of its life."""
    made: dict[str, object] = {
        "id": name, "name": f"Planning for {name}", "account_id": name, "owner_id": "ana", "stage": "propose",
        "source": "referral", "amount": 10_000.0, "opened_at": NOW - timedelta(days=60),
        "stage_since": NOW - timedelta(days=20), "last_contact_at": NOW - timedelta(days=10), "contacts": 5,
        "decision_maker": True, "competitors": 0,
    }  # fmt: skip
    return Opportunity(**(made | fields))  # type: ignore[arg-type]  # fields by name


def open_one(name: str = "a", *, customer_value: float = 10_000.0, promised: bool = False, **fields: object) -> Open:
    """The same, with its customer."""
    return Open(opportunity(name, **fields), f"Customer {name}", customer_value, promised)


def sample_snapshots(seed: int = 1) -> list[Snapshot]:
    """Those of the sample organisation's closed opportunities, as they would be read."""
    deals = opportunities(seed, organisation(seed, DAY).accounts, DAY)
    rows = [
        Snapshot(
            opportunity(
                moment.opportunity_id, source=deal.source, stage=moment.stage, amount=moment.amount_eur,
                opened_at=deal.opened_at, stage_since=moment.stage_since, last_contact_at=moment.last_contact_at,
                contacts=moment.contacts, decision_maker=moment.decision_maker, competitors=moment.competitors,
            ),
            moment.taken_at, deal.closed_at, bool(deal.won),
        )
        for deal in deals if deal.closed_at is not None for moment in deal.snapshots
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row.closed_at, row.opportunity.id, row.taken_at))
