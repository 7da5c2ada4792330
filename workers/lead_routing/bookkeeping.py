"""What several tasks do alike. Tasks don't import each other; they import this."""

from __future__ import annotations

from dataclasses import asdict

from workers.lead_routing.domain.routing import Routing
from workers.lead_routing.domain.score import Score
from workers.lead_routing.ports import LeadRoutingPorts


async def book_decision(ports: LeadRoutingPorts, lead_id: str, routing: Routing, score: Score | None) -> None:
    """Store what the engine decided by itself: the routing, and the score if it came from the fallback table.

    Decision tables run inside the engine, so that the first task after them is the first to see their results.
    """
    await ports.leads.set_routing(lead_id, asdict(routing))
    if score is not None and score.source == "table":
        await ports.leads.set_score(lead_id, score)


async def note_decision(ports: LeadRoutingPorts, routing: Routing, score: Score | None) -> None:
    """Say in the timeline what was decided, by which rules, on which score."""
    await ports.work.note(
        "decided",
        "; ".join(routing.why) or routing.why_text,
        rules=routing.rules,
        segment=routing.segment,
        territory=routing.territory,
        skills=sorted(routing.skills or ()),
        automatic=routing.auto,
        band=score.band if score else None,
        score_source=score.source if score else None,
        model_version=score.model_version if score else None,
    )
