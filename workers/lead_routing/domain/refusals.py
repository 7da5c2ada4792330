"""Why an owner has a lead no more: what people say in the form, and what self-healing says for those who can't."""

from __future__ import annotations

from collections.abc import Mapping

MISROUTED = ("wrong_fit", "conflict")
"""Reasons of a refusal (form `accept_lead`) that say: it should not have come to me."""

TAKEN_BACK: Mapping[str, str] = {
    "owner_left": "has left",
    "owner_absent": "is away until after the answer is due",
    "refused_by_owner": "refuses leads of this kind",
    "refused_by_territory": "works a territory that refuses leads of this kind",
}
"""Reasons that only self-healing gives, as the end of a sentence about the owner."""
