"""Upkeep of the scorer on PostgreSQL. Training, scoring many leads and the like run in a thread beside the event loop.

numpy, scikit-learn and LightGBM come with `scoring.upkeep`, imported when first used: every worker imports this
module, only one trains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prometheus_client import Gauge
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.lead_routing.adapters.scorer import features
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Enrichment
from workers.lead_routing.domain.upkeep import REVIEWED, Challenger, Drift, Trial, scorer_id
from workers.lead_routing.ports.upkeep import CannotTrain, ScorerUnfit
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import put
from workers.runtime.work import Work

if TYPE_CHECKING:
    from workers.lead_routing.scoring.schema import Schema
    from workers.lead_routing.scoring.store import LeadReader

MESSAGE_SECONDS = 3600
"""How long a check that was asked for waits while another one of the same scorer is open, for instance a review."""

DRIFTED = Gauge("fairlead_scorer_drifted", "1 if the last check found drift to act on.", ["schema"])
LABEL_RATE = Gauge("fairlead_scorer_label_rate", "Share of recent outcomes that converted.", ["schema"])
CALIBRATION = Gauge("fairlead_scorer_calibration_error", "Expected calibration error, recent outcomes.", ["schema"])
PSI = Gauge("fairlead_scorer_psi_max", "Largest population stability index of a feature or the score.", ["schema"])
AGE = Gauge("fairlead_scorer_age_days", "Age of the active model in days at its last check.", ["schema"])

Rows = list[dict[str, object]]


def lead_reader(schema_name: str, *, schema: str, by_source: Mapping[str, str]) -> LeadReader:
    """Reads a stored lead as the worker reads it for scoring; leads of sources with another schema are skipped.

    `schema` is the one of sources that `by_source` does not name.
    """
    lead_fields, account_fields = ({f.name for f in fields(kind)} for kind in (Lead, Enrichment))

    def read(stored: Mapping[str, object], account: Mapping[str, object] | None) -> Mapping[str, object] | None:
        # Leads that an older release stored may have other fields.
        lead = Lead(**{key: value for key, value in stored.items() if key in lead_fields})  # type: ignore[arg-type]
        if by_source.get(lead.source or "", schema) != schema_name:
            return None
        if account is None:
            return features(lead, None)
        return features(lead, Enrichment(**{key: account.get(key) for key in account_fields}))  # type: ignore[arg-type]

    return read


async def newest_leads(
    connection: AsyncConnection[DictRow], schema: Schema, read: LeadReader, rows: int, *, decided: bool = True
) -> Rows:
    """The newest `rows` leads with a recorded outcome (or all, unless `decided`) that `read` takes, oldest first.

    They have the form of `scoring.store.outcomes`.
    """
    from workers.lead_routing.scoring import store  # noqa: PLC0415 - see the module's docstring

    found: Rows = []
    async with aclosing(store.newest_first(connection, schema, read, decided=decided)) as leads:
        async for row in leads:
            found.append(row)
            if len(found) >= rows:
                break
    found.reverse()
    return found


async def ask_check(connection: AsyncConnection[DictRow], schema_name: str, check_id: str, asked_by: str) -> bool:
    """Put the message that starts a check into the outbox; False if this check was asked for before."""
    return await put(
        connection,
        "zeebe.message",
        scorer_id(schema_name),
        f"scorer_check_asked:{schema_name}:{check_id}",
        {
            "name": "scorer_check_asked",
            "correlation_key": schema_name,
            "variables": {
                "scorer_id": scorer_id(schema_name),
                "schema_name": schema_name,
                "check_id": check_id,
                "asked_by": asked_by,
            },
            "ttl_seconds": MESSAGE_SECONDS,
        },
    )


class PostgresScorerUpkeep:
    """`ScorerUpkeep` on the job's connection."""

    def __init__(self, work: Work, *, schema: str, by_source: Mapping[str, str], review_link: str) -> None:
        self._work = work
        self._schema = schema
        self._by_source = by_source
        self.review_link = review_link

    async def watched(self) -> Sequence[str]:
        """See `ScorerUpkeep.watched`."""
        query = "SELECT schema_name FROM routing.models WHERE active ORDER BY schema_name"
        return [row["schema_name"] for row in await (await self._work.connection.execute(query)).fetchall()]

    async def ask_check(self, schema_name: str, check_id: str, asked_by: str) -> bool:
        """See `ScorerUpkeep.ask_check`."""
        return await ask_check(self._work.connection, schema_name, check_id, asked_by)

    async def check(self, schema_name: str, *, rows: int, quiet_days: float, now: datetime) -> Drift:
        """See `ScorerUpkeep.check`."""
        active = await self._active(schema_name)
        if active is None:
            said, advice = "- No model is active: the decision table scores", "Train one by `fairlead scorer train`."
            return Drift(None, False, False, 0.0, 0, None, None, None, None, said, advice)
        version, age = active["version"], round((now - active["created_at"]) / timedelta(days=1), 2)
        from workers.lead_routing.scoring import upkeep  # noqa: PLC0415 - see the module's docstring
        from workers.lead_routing.scoring.errors import ScoringError  # noqa: PLC0415

        try:
            recent = await self._newest(schema_name, active["artifact"], rows)
            found = await asyncio.to_thread(upkeep.find_drift, active["artifact"], recent, version, age)
        except ScoringError as error:
            advice = "Train a new model by `fairlead scorer train`, or let the decision table score."
            found = Drift(
                version, True, True, age, 0, None, None, None, None, f"- It can't be checked: {error}", advice
            )
        kept_until = await self._kept_until(schema_name, version, quiet_days)
        if kept_until is not None and now < kept_until:
            kept = f"A person decided to keep this model, so that nothing is done before {kept_until:%Y-%m-%d}."
            found = replace(found, drifted=False, left_alone=True, advice=kept)
        _publish(schema_name, found)
        return found

    async def retrain(self, schema_name: str, *, rows: int, now: datetime) -> Challenger:
        """See `ScorerUpkeep.retrain`."""
        from workers.lead_routing.scoring import store, upkeep  # noqa: PLC0415 - see the module's docstring
        from workers.lead_routing.scoring.errors import ScoringError  # noqa: PLC0415

        active = await self._active(schema_name)
        if active is None:
            raise _cannot_train("no model is active any more")
        try:
            recorded = await self._newest(schema_name, active["artifact"], rows)
            challenger, artifact, card = await asyncio.to_thread(
                upkeep.challenge, active["artifact"], recorded, window=rows, now=now
            )
        except ScoringError as error:
            raise _cannot_train(str(error)) from error
        await store.save(self._work.connection, challenger.version, schema_name, artifact, card)
        return challenger

    async def activate(self, schema_name: str, version: str) -> str | None:
        """See `ScorerUpkeep.activate`."""
        from workers.lead_routing.scoring import store  # noqa: PLC0415 - see the module's docstring
        from workers.lead_routing.scoring.errors import NoModelError  # noqa: PLC0415

        former = await self._locked_active(schema_name)
        try:
            await store.activate(self._work.connection, version)
        except NoModelError as error:
            raise PermanentError(
                f"The model can't be activated: {error}. Cancel this check and ask for another."
            ) from error
        return former

    async def restore(self, schema_name: str, former: str | None, *, undone: str) -> bool:
        """See `ScorerUpkeep.restore`."""
        from workers.lead_routing.scoring import store  # noqa: PLC0415 - see the module's docstring

        if await self._locked_active(schema_name) != undone:
            return False
        if former is None:
            await self._switch_off(schema_name)
        else:
            await store.activate(self._work.connection, former)
        return True

    async def deactivate(self, schema_name: str) -> str | None:
        """See `ScorerUpkeep.deactivate`."""
        former = await self._locked_active(schema_name)
        await self._switch_off(schema_name)
        return former

    async def try_active(self, schema_name: str, *, leads: int) -> Trial:
        """See `ScorerUpkeep.try_active`."""
        from workers.lead_routing.scoring import upkeep  # noqa: PLC0415 - see the module's docstring
        from workers.lead_routing.scoring.errors import ScoringError  # noqa: PLC0415

        active = await self._active(schema_name)
        if active is None:
            raise _unfit("no model is active")
        try:
            recent = await self._newest(schema_name, active["artifact"], leads, decided=False)
            trial = await asyncio.to_thread(upkeep.try_model, active["artifact"], recent)
        except ScoringError as error:
            raise _unfit(str(error)) from error
        if trial.leads and not trial.scored:
            raise _unfit(f"it scores none of the newest {trial.leads} leads")
        return trial

    async def managers(self) -> Sequence[str]:
        """See `ScorerUpkeep.managers`."""
        query = "SELECT DISTINCT manager_email FROM routing.territories ORDER BY manager_email"
        return [row["manager_email"] for row in await (await self._work.connection.execute(query)).fetchall()]

    async def _active(self, schema_name: str) -> DictRow | None:
        query = "SELECT version, created_at, artifact FROM routing.models WHERE schema_name = %s AND active"
        return await (await self._work.connection.execute(query, (schema_name,))).fetchone()

    async def _locked_active(self, schema_name: str) -> str | None:
        from workers.lead_routing.scoring import store  # noqa: PLC0415 - see the module's docstring

        # The lock that `store.activate` takes: nobody activates another model between our look and our change.
        await self._work.connection.execute("LOCK TABLE routing.models IN SHARE ROW EXCLUSIVE MODE")
        return await store.active_version(self._work.connection, schema_name)

    async def _switch_off(self, schema_name: str) -> None:
        query = "UPDATE routing.models SET active = false WHERE schema_name = %s AND active"
        await self._work.connection.execute(query, (schema_name,))

    async def _newest(self, schema_name: str, artifact: bytes, rows: int, *, decided: bool = True) -> Rows:
        from workers.lead_routing.scoring import upkeep  # noqa: PLC0415 - see the module's docstring

        schema = await asyncio.to_thread(upkeep.schema_of, artifact)
        read = lead_reader(schema_name, schema=self._schema, by_source=self._by_source)
        return await newest_leads(self._work.connection, schema, read, rows, decided=decided)

    async def _kept_until(self, schema_name: str, version: str, quiet_days: float) -> datetime | None:
        query = "SELECT facts FROM runtime.timeline WHERE business_id = %s AND action = %s ORDER BY id DESC LIMIT 1"
        cursor = await self._work.connection.execute(query, (scorer_id(schema_name), REVIEWED))
        row = await cursor.fetchone()
        if row is None or row["facts"].get("choice") != "keep" or row["facts"].get("model_version") != version:
            return None
        return datetime.fromisoformat(row["facts"]["decided_at"]) + timedelta(days=quiet_days)


def _cannot_train(reason: str) -> CannotTrain:
    return CannotTrain(reason, variables={"cannot_train_why": f"No new model could be trained: {reason}."})


def _unfit(reason: str) -> ScorerUnfit:
    why = f"The new model was put back, as it does not work: {reason}."
    return ScorerUnfit(reason, variables={"unfit_why": why})


def _publish(schema_name: str, found: Drift) -> None:
    """Show the check to Prometheus; figures that are not known leave the last ones standing."""
    DRIFTED.labels(schema_name).set(found.drifted)
    AGE.labels(schema_name).set(found.age_days)
    for gauge, value in ((LABEL_RATE, found.label_rate), (CALIBRATION, found.calibration), (PSI, found.largest_psi)):
        if value is not None:
            gauge.labels(schema_name).set(value)
