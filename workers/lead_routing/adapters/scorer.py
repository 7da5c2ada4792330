"""The scorer with models from the table routing.models, in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.lead_routing.domain.freemail import is_free_mail
from workers.lead_routing.domain.lead import Lead, email_domain
from workers.lead_routing.domain.matching import Enrichment
from workers.lead_routing.domain.score import Reason, Score, as_list
from workers.lead_routing.ports.scorer import ScorerUnavailable
from workers.runtime.work import Work

if TYPE_CHECKING:
    from workers.lead_routing.scoring.model import Scorer

RECHECK_SECONDS = 30.0
"""How long a newly activated model may go unnoticed."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Loaded:
    version: str | None
    scorer: Scorer | None
    fault: str
    """Why there is no scorer; empty if there is one."""
    checked_at: float
    """Seconds of the monotonic clock."""


class ModelShelf:
    """The models in use, shared by all jobs of a process: one for each feature schema, read when first needed."""

    def __init__(
        self, *, recheck_seconds: float = RECHECK_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._recheck_seconds = recheck_seconds
        self._clock = clock
        self._loaded: dict[str, _Loaded] = {}
        self._loading = asyncio.Lock()

    async def active(self, connection: AsyncConnection[DictRow], schema_name: str) -> Scorer:
        """The active model of a schema.

        Raises:
            ScorerUnavailable: there is none, or it cannot be read; said again without reading until the next check.
        """
        async with self._loading:
            known = self._loaded.get(schema_name)
            if known is None or self._clock() - known.checked_at >= self._recheck_seconds:
                known = await self._check(connection, schema_name, known)
                self._loaded[schema_name] = known
        if known.scorer is None:
            raise ScorerUnavailable(known.fault)
        return known.scorer

    def forget(self, schema_name: str) -> None:
        """Look again at the next job, whatever was found."""
        self._loaded.pop(schema_name, None)

    async def _check(self, connection: AsyncConnection[DictRow], schema_name: str, known: _Loaded | None) -> _Loaded:
        # Imported when first used: the tasks that do not score must not carry the model library.
        from workers.lead_routing.scoring import store  # noqa: PLC0415
        from workers.lead_routing.scoring.errors import ScoringError  # noqa: PLC0415
        from workers.lead_routing.scoring.model import Scorer  # noqa: PLC0415

        now = self._clock()
        version = await store.active_version(connection, schema_name)
        if known is not None and version == known.version:
            return _Loaded(version, known.scorer, known.fault, now)
        stored = await store.load_active(connection, schema_name) if version else None
        if stored is None:
            return _Loaded(None, None, f"No model is trained and activated for {schema_name}.", now)
        try:
            # Parsing takes up to seconds; the other jobs of this worker go on meanwhile.
            scorer = await asyncio.to_thread(Scorer.from_bytes, stored.artifact)
        except (ScoringError, ImportError) as error:
            log.warning("the active model can't be used", action="model_broken", model_version=stored.version)
            fault = f"The active model {stored.version} can't be used: {error}"
            return _Loaded(stored.version, None, fault, now)
        log.info("model loaded", action="model_loaded", model_version=stored.version, schema=schema_name)
        return _Loaded(stored.version, scorer, "", now)


class StoredScorer:
    """`Scorer` with the active model of the schema that the lead's source asks for."""

    def __init__(self, shelf: ModelShelf, work: Work, *, schema: str, by_source: Mapping[str, str]) -> None:
        self._shelf = shelf
        self._work = work
        self._schema = schema
        self._by_source = by_source

    async def score(self, lead: Lead, enrichment: Enrichment | None) -> Score:
        """See `Scorer.score`."""
        scorer = await self._shelf.active(self._work.connection, self._by_source.get(lead.source or "", self._schema))
        from workers.lead_routing.scoring.errors import LeadError  # noqa: PLC0415 - see `ModelShelf._check`

        try:
            scored = scorer.score(features(lead, enrichment))
        except LeadError as error:
            raise ScorerUnavailable(f"The lead can't be scored: {error}") from error
        reasons = tuple(Reason(r.feature, r.label, r.value, r.effect, r.text) for r in scored.reasons)
        return Score(
            value=scored.score,
            band=scored.band,
            reasons=reasons,
            reasons_text=as_list(r.text for r in reasons),
            model_version=scored.model_version,
            source="model",
        )


def features(lead: Lead, enrichment: Enrichment | None) -> dict[str, object]:
    """What a model may read: the lead's fields, its attributes (also on top, as flat files have them), and what the
    CRM knows of its company, under the names that the feature schemas use.

    The CRM's figures win over what the lead says of its company.
    """
    company = {"name": lead.company, "employees": lead.employees, "industry": lead.industry}
    if enrichment is not None:
        company |= {key: value for key, value in asdict(enrichment).items() if value is not None}
    known: dict[str, object] = {**lead.attributes, **asdict(lead), "company": company}
    known |= {
        "employees": company.get("employees"),
        "industry": company.get("industry"),
        "annual_revenue": company.get("annual_revenue_eur"),
        "email_is_free": is_free_mail(email_domain(lead.email)) if lead.email else None,
    }
    return known
