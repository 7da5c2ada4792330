"""The mails of forecast review: short, with a link."""

from __future__ import annotations

from workers.forecast_review.domain.publication import ReleaseFacts
from workers.office.letters import Letter, letter


def announcement(organisation: str, unit: str, facts: ReleaseFacts, link: str) -> Letter:
    """To everybody who works with the forecast: what it says in all, what people changed, and where it can be read."""
    total = f"In all: {facts.total:,.0f} {unit}".rstrip()
    if facts.change_percent_to_former is not None:
        total += f", {facts.change_percent_to_former:+.1f} % against the last version over the same months"
    changed = (
        f"People changed {facts.overrides} segments, {facts.change_percent_to_base:+.1f} % in all."
        if facts.overrides
        else "Nobody changed what the models said."
    )
    return letter(f"New forecast: {organisation}", [f"{total}.", changed], ("Read the forecast", link))
