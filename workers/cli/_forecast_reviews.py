"""`fairlead forecast reviews`: the decision table's choice of segments held against the errors that came."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from workers.cli._support import print_table

if TYPE_CHECKING:
    from workers.forecast_review.domain.needs import Fact, Need
    from workers.forecast_review.forecasting.forecast import Forecast
    from workers.forecast_review.forecasting.hindsight import Found
    from workers.settings import Settings

DECISION = "review_need"
_AT_ONCE = 32


async def needs(settings: Settings, facts: Sequence[Fact]) -> list[Need]:
    """What the decision table on the engine says of each segment.

    Raises:
        EngineBusy: the engine does not answer.
        Refused: it has no such table, or the table fails on a segment.
    """
    from workers.forecast_review.domain.needs import Need
    from workers.runtime.zeebe import ZeebeClient

    gate = asyncio.Semaphore(_AT_ONCE)
    async with ZeebeClient(settings) as client:

        async def one(fact: Fact) -> Need:
            async with gate:
                answer = await client.evaluate_decision(DECISION, {"segment_facts": asdict(fact)})
            return Need(fact.segment, **answer.output)

        return await asyncio.gather(*map(one, facts))


async def choices(settings: Settings, forecast: Forecast, share: float) -> list[Found]:
    """Each earlier origin: what people would have been asked about, and which of the errors that came they would see.

    Raises:
        NoForecastError: see `hindsight.past_facts`.
        EngineBusy, Refused: see `needs`.
    """
    from workers.forecast_review.domain.needs import chosen
    from workers.forecast_review.forecasting.hindsight import found, past_facts

    result = []
    for past in past_facts(forecast):
        asked = chosen(await needs(settings, past.facts), share)
        result.append(found(past, {need.segment for need in asked}))
    return result


def print_choices(version: str, rows: Sequence[Found]) -> None:
    """An origin a line, all together in the last."""
    body = [
        [one.origin, str(one.segments), f"{one.looked_at} ({one.looked_at / one.segments:.1%})", str(one.large), _of(one.found, one.large), f"{one.money:.0%}"]
        for one in rows
    ]  # fmt: skip
    segments, looked_at = sum(one.segments for one in rows), sum(one.looked_at for one in rows)
    large, seen = sum(one.large for one in rows), sum(one.found for one in rows)
    money = sum(one.money for one in rows) / len(rows)
    body.append(
        [
            "all",
            str(segments),
            f"{looked_at} ({looked_at / segments:.1%})",
            str(large),
            _of(seen, large),
            f"{money:.0%}",
        ]
    )
    head = ["known until", "segments", "looked at", "large errors", "found", "share of all errors"]
    print_table(f"{version}: the table's choice, held against what came", head, body)


def _of(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else "0"
