"""Upkeep of the scorer: recorded outcomes, models, and what is known of earlier checks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from workers.lead_routing.domain.upkeep import Challenger, Drift, Trial
from workers.runtime.errors import BusinessError


class CannotTrain(BusinessError):
    """No challenger can be trained from the recorded outcomes; a person decides."""

    code: ClassVar[str] = "cannot_train"


class ScorerUnfit(BusinessError):
    """The model just activated cannot score; the former one comes back."""

    code: ClassVar[str] = "scorer_unfit"


class ScorerUpkeep(Protocol):
    """All of it happens in the job's transaction; long work is done in a thread beside the event loop."""

    review_link: str
    """Where people find the task of deciding."""

    async def watched(self) -> Sequence[str]:
        """Schemas that have an active model."""
        ...

    async def ask_check(self, schema_name: str, check_id: str, asked_by: str) -> bool:
        """Start a check of a schema's model by message; False if this check was asked for before."""
        ...

    async def check(self, schema_name: str, *, rows: int, quiet_days: float, now: datetime) -> Drift:
        """Hold the newest `rows` recorded outcomes against the active model.

        What a person decided to live with, for the same model in the last `quiet_days`, is said but is no drift.
        """
        ...

    async def retrain(self, schema_name: str, *, rows: int, now: datetime) -> Challenger:
        """Train a challenger on the newest `rows` recorded outcomes, store it inactive, hold it against the champion.

        Raises:
            CannotTrain: too few outcomes, all of one kind, or no readable active model.
        """
        ...

    async def activate(self, schema_name: str, version: str) -> str | None:
        """Make a stored model the active one; returns which was active before.

        Raises:
            PermanentError: there is no such model any more.
        """
        ...

    async def restore(self, schema_name: str, former: str | None, *, undone: str) -> bool:
        """Put the former model back (None: none), unless another than `undone` is active by now."""
        ...

    async def deactivate(self, schema_name: str) -> str | None:
        """Leave the schema without an active model, so that the decision table scores; returns which was active."""
        ...

    async def try_active(self, schema_name: str, *, leads: int) -> Trial:
        """Read the active model back as a worker does, and score the newest `leads` leads.

        Raises:
            ScorerUnfit: it cannot be read, or scores none of them.
        """
        ...

    async def managers(self) -> Sequence[str]:
        """Addresses of all sales managers: a scorer serves every territory."""
        ...
