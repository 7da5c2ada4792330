"""The ASGI app. `create_app` gets its parts from outside, so that tests and the server make the same app."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from workers import __version__
from workers.gateway import (
    control_pages,
    problems,
    routes_control,
    routes_control_forecasts,
    routes_control_operations,
    routes_control_paths,
    routes_control_processes,
    routes_control_quotas,
    routes_control_territories,
    routes_control_versions,
    routes_control_webhooks,
    routes_follow_ups,
    routes_forecast_pages,
    routes_forecasts,
    routes_health,
    routes_leads,
    routes_people,
    routes_prioritisations,
    routes_quota_pages,
    routes_quotas,
    routes_runbooks,
    routes_sign_in,
    routes_territories,
    routes_territory_pages,
    routes_webhooks,
    routes_what_if,
)
from workers.gateway.access_rules import RULES
from workers.gateway.admission import admit
from workers.gateway.backlog import EngineQueue
from workers.gateway.contracts import LeadIn, Outcome, Withdrawal
from workers.gateway.follow_up_contracts import ContactMade, FollowUpCancellation, FollowUpIn
from workers.gateway.forecast_contracts import ForecastWithdrawal, ReviewIn, SaleIn
from workers.gateway.guard import Guard
from workers.gateway.human_tasks import TaskBoard
from workers.gateway.live import Live, Shared
from workers.gateway.mending import OpenDesk, open_desk
from workers.gateway.metrics import Metrics, Observed
from workers.gateway.pace import Pace
from workers.gateway.parts import Parts
from workers.gateway.people import People
from workers.gateway.prioritisation_contracts import PrioritisationIn, PrioritisationWithdrawal
from workers.gateway.problems import Problem
from workers.gateway.quota_contracts import AdjustmentIn, QuotasIn, QuotasWithdrawal
from workers.gateway.routes_what_if import WhatIfIn
from workers.gateway.sessions import SignInFirst, to_sign_in
from workers.gateway.territory_contracts import AlignmentIn, TerritoryWithdrawal
from workers.runtime.database import Pool
from workers.settings import Settings

_COMPONENTS = "#/components/schemas/{model}"
ROUTES = (
    routes_leads,
    routes_webhooks,
    routes_forecasts,
    routes_quotas,
    routes_territories,
    routes_follow_ups,
    routes_prioritisations,
    routes_people,
    routes_forecast_pages,
    routes_quota_pages,
    routes_territory_pages,
    routes_health,
    routes_runbooks,
    routes_control,
    routes_control_forecasts,
    routes_control_operations,
    routes_control_processes,
    routes_control_versions,
    routes_control_webhooks,
    routes_control_paths,
    routes_control_quotas,
    routes_control_territories,
    routes_what_if,
    routes_sign_in,
)
BODIES = (
    LeadIn,
    Withdrawal,
    Outcome,
    SaleIn,
    ReviewIn,
    ForecastWithdrawal,
    AlignmentIn,
    TerritoryWithdrawal,
    FollowUpIn,
    ContactMade,
    FollowUpCancellation,
    PrioritisationIn,
    PrioritisationWithdrawal,
    QuotasIn,
    AdjustmentIn,
    QuotasWithdrawal,
    WhatIfIn,
)
"""Models of bodies that the routes read themselves."""


def create_app(settings: Settings, pool: Pool, board: TaskBoard, desk: OpenDesk | None = None) -> FastAPI:
    """The gateway on an open pool; the caller closes it. `desk` opens what mends incidents; None: the cluster's own."""
    app = FastAPI(
        title="Fairlead",
        version=__version__,
        description="Leads and sales in, forecasts and quotas made, territories aligned, and what became of them. Every refusal is a problem detail (RFC 9457).",
        # Their pages load scripts from other hosts; the description itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(admit)],
        # Its own spans and logs have paths, queries and what was sent, which may be personal data: see `Observed`.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    metrics, pace = Metrics(), Pace()
    people = People(settings, pool) if settings.openid.issuer is not None else None
    app.state.parts = Parts(
        settings=settings,
        pool=pool,
        board=board,
        guard=Guard(settings, people),
        queue=EngineQueue(pool, bound=settings.gateway.max_waiting),
        metrics=metrics,
        live=Live(pool, pace),
        shared=Shared(pace),
        desk=desk or partial(open_desk, settings),
        replaying=asyncio.Lock(),
        exporting=asyncio.Semaphore(routes_control_paths.LOGS),
        people=people,
    )
    problems.install(app, RULES, control_pages.refused)
    app.add_exception_handler(SignInFirst, to_sign_in)
    for module in ROUTES:
        app.include_router(module.router)
    app.add_middleware(Observed, metrics=metrics)

    def openapi() -> dict[str, Any]:  # Any: FastAPI's own form
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the description
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    """FastAPI's description, with the models of the bodies that the routes read themselves."""
    described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, bodies = models_json_schema(
        [*((model, "validation") for model in BODIES), (Problem, "serialization")],
        ref_template=_COMPONENTS,
    )
    described["components"]["schemas"] |= bodies["$defs"]
    return described
