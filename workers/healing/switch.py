"""Whether anything is healed. The setting `healing.enabled` has the last word; the switch is turned while all runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workers.operations import audit
from workers.operations.audit import Actor
from workers.operations.model import Done
from workers.runtime.database import Pool
from workers.settings import Settings

SUBJECT = "healing"


@dataclass(frozen=True, slots=True)
class Switch:
    """Its position, and who put it there."""

    is_on: bool
    actor: str
    why: str
    at: datetime
    enabled: bool
    """What the setting says; if it is not, the switch does nothing."""

    @property
    def heals(self) -> bool:
        """Whether anything is done."""
        return self.is_on and self.enabled


async def read(pool: Pool, settings: Settings) -> Switch:
    """As it is now."""
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT is_on, actor, why, at FROM healing.switch")).fetchone()
    assert row is not None  # the migration put it there
    return Switch(**row, enabled=settings.healing.enabled)


async def turn(pool: Pool, actor: Actor, *, on: bool) -> Done:
    """Turn it, with an entry of the audit trail; turning it to where it is says so and changes nothing."""
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT is_on, actor FROM healing.switch FOR UPDATE")).fetchone()
        assert row is not None
        entry = await audit.begin(
            connection, actor, f"healing.{'on' if on else 'off'}", target="self-healing", subject=SUBJECT,
            business_id="", before={"on": row["is_on"]},
        )  # fmt: skip
        if row["is_on"] is on:
            outcome = f"refused: it is {'on' if on else 'off'} already, by {row['actor']}"
        else:
            await connection.execute(
                "UPDATE healing.switch SET is_on = %s, actor = %s, why = %s, at = clock_timestamp()",
                (on, actor.name, actor.why),
            )
            outcome = "done"
        await audit.settle(connection, entry, outcome, {"on": on} if outcome == "done" else {})
    return Done("self-healing", "", outcome)
