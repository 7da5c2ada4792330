"""One training in a process of its own: ``python -m workers.control_room.prediction.child``.

Standard input: a line of JSON (`Order`), which stays open. Standard output: a line of JSON (`Answer`). Its memory goes with
it, and it gives way to everything else.
"""

from __future__ import annotations

import asyncio
import sys

import psycopg
from pydantic import BaseModel

from workers.child_side import Answers, end_with_who_asked
from workers.control_room.prediction import contest, store
from workers.runtime.children import child
from workers.runtime.database import open_pool, reason
from workers.settings import Settings

MODULE = "workers.control_room.prediction.child"
SECONDS = 1_800.0
"""A training that takes longer is ended."""


class Order(BaseModel):
    """Where to learn from, and from which risk on a case is shown as at risk."""

    dsn: str
    at_risk_from: float


class Answer(BaseModel):
    """What became of it."""

    outcome: store.Outcome | None
    """None: somebody else trains at the moment."""
    why: str


async def train_apart(settings: Settings) -> Answer:
    """Train in a child, whose memory goes with it."""
    order = Order(dsn=settings.dsn, at_risk_from=settings.control_room.at_risk_from)
    try:
        async with asyncio.timeout(SECONDS), child(MODULE) as training:
            assert training.stdin is not None  # pipes, see `child`
            assert training.stdout is not None
            training.stdin.write(order.model_dump_json().encode() + b"\n")
            await training.stdin.drain()
            said = await training.stdout.readline()
    except TimeoutError:
        return Answer(outcome="failed", why=f"It took longer than {SECONDS:g} s.")
    if not said:
        return Answer(outcome="failed", why="Its process ended before it was done; its reason is in the log.")
    return Answer.model_validate_json(said)


async def _train(order: Order) -> Answer:
    pool = await open_pool(order.dsn, max_size=2)
    try:
        result = await contest.train(pool, order.at_risk_from)
    except psycopg.Error as error:
        return Answer(outcome="failed", why=f"The database: {reason(error)}")
    finally:
        await pool.close()
    if result is None:
        return Answer(outcome=None, why="Another training is under way.")
    return Answer(outcome=result.outcome, why=result.why)


def main() -> None:
    """Read an order, answer it."""
    answers = Answers()
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    end_with_who_asked()
    answers.line(asyncio.run(_train(order)).model_dump())


if __name__ == "__main__":
    main()
