"""`fairlead forecast hindsight`: the decision table's choice of segments held against the errors that came."""

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
_AT_ONCE = 8


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
        [one.origin, *_row(one.segments, one.looked_at, one.large, one.found, one.large_bottom, one.found_bottom), f"{one.money:.0%}"]
        for one in rows
    ]  # fmt: skip
    counts = ("segments", "looked_at", "large", "found", "large_bottom", "found_bottom")
    money = sum(one.money for one in rows) / len(rows)
    body.append(["all", *_row(*(sum(getattr(one, name) for one in rows) for name in counts)), f"{money:.0%}"])
    head = ["known until", "segments", "looked at", "large errors found", "of those that are no sums", "of all errors"]
    print_table(f"{version}: the table's choice, held against what came", head, body)


def _row(segments: int, looked_at: int, large: int, seen: int, large_bottom: int, seen_bottom: int) -> list[str]:
    return [
        str(segments),
        f"{looked_at} ({looked_at / segments:.1%})",
        _of(seen, large),
        _of(seen_bottom, large_bottom),
    ]


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "none came"
