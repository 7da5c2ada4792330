"""Which route needs which role: the only place that says so.

A new route needs a line here; without one it refuses everybody, and a test fails. Choose the narrowest that fits:

- ``READ``: a page or answer about all teams. It is closed to viewers and managers of some teams, so it need do nothing.
- ``READ_OWN``: the same, where the route passes on `Client.teams` (a page: `View.team`) to its query.
- ``DECIDE``, ``ANALYSE``, ``REPAIR``, ``PLAN``, ``SEND``: changes, each for whom its line below says.
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.gateway.access import Rule
from workers.settings_access import Role

_READERS = frozenset({Role.VIEWER, Role.MANAGER, Role.ANALYST, Role.OPERATOR})

READ = Rule(_READERS)
READ_OWN = Rule(_READERS, by_team=True)
READ_BY_LINK = Rule(_READERS, link=True)
ANALYSE = Rule(frozenset({Role.ANALYST}))
REPAIR = Rule(frozenset({Role.OPERATOR}))
DECIDE = Rule(frozenset({Role.MANAGER, Role.OPERATOR, Role.API}), by_team=True)
"""About one case, which the route must know to be of `Client.teams`."""
PLAN = Rule(frozenset({Role.OPERATOR, Role.API}))
"""Starts or withdraws what concerns a whole organisation."""
SEND = Rule(frozenset({Role.API}))
ANYBODY_KNOWN = Rule(frozenset(Role), by_team=True)
SIGNED = Rule(why="by the signature")
HARMLESS = Rule(why="holds nothing of this installation, or nothing that needs hiding")

RULES: Mapping[str, Rule] = {
    "GET /openapi.json": HARMLESS,
    "GET /healthz": HARMLESS,
    "GET /readyz": HARMLESS,
    "GET /metrics": ANYBODY_KNOWN,
    "GET /runbooks": HARMLESS,
    "GET /runbooks/{name}.md": HARMLESS,
    # The API
    "POST /v1/leads": SEND,
    "GET /v1/leads": READ_OWN,
    "GET /v1/leads/{lead_id}": READ_OWN,
    "POST /v1/leads/{lead_id}/withdraw": DECIDE,
    "POST /v1/leads/{lead_id}/outcome": DECIDE,
    "POST /v1/webhooks/hubspot": SIGNED,
    "POST /v1/webhooks/{source}": SIGNED,
    "POST /v1/follow-ups": DECIDE,
    "GET /v1/follow-ups": READ_OWN,
    "GET /v1/follow-ups/{follow_up_id}": READ_OWN,
    "POST /v1/follow-ups/{follow_up_id}/contact": DECIDE,
    "POST /v1/follow-ups/{follow_up_id}/cancel": DECIDE,
    "POST /v1/prioritisations": PLAN,
    "GET /v1/prioritisations/{prioritisation_id}": READ_OWN,
    "POST /v1/prioritisations/{prioritisation_id}/withdraw": PLAN,
    "GET /v1/forecasts": READ_OWN,
    "POST /v1/forecasts": PLAN,
    "GET /v1/forecasts/{version}": READ_OWN,
    "GET /v1/forecasts/{version}/accuracy": READ_OWN,
    "GET /v1/forecasts/{before}/compare/{after}": READ_OWN,
    "POST /v1/forecasts/{forecast_id}/withdraw": PLAN,
    "GET /v1/reviews/{forecast_id}": READ_OWN,
    "GET /v1/reviews/{forecast_id}/findings": READ_OWN,
    "POST /v1/organisations/{organisation}/sales": SEND,
    "GET /v1/quotas": READ_OWN,
    "POST /v1/quotas": PLAN,
    "POST /v1/quotas/adjustments": DECIDE,
    "GET /v1/quotas/{quota_id}": READ_OWN,
    "POST /v1/quotas/{quota_id}/withdraw": PLAN,
    "GET /v1/quota-versions": READ_OWN,
    "GET /v1/quota-versions/{version}": READ_OWN,
    "GET /v1/alignments": READ_OWN,
    "POST /v1/alignments": PLAN,
    "GET /v1/alignments/{alignment_id}": READ_OWN,
    "POST /v1/alignments/{alignment_id}/withdraw": PLAN,
    "GET /v1/territories": READ_OWN,
    "GET /v1/territories/{version}": READ_OWN,
    "POST /v1/whatif": ANALYSE,
    # Pages that a link in a mail or a form opens
    "GET /leads/{lead_id}/task": Rule(why="Tasklist, where it leads, asks who comes"),
    "GET /forecasts/{version}": READ_BY_LINK,
    "GET /forecasts/{run_version}/pictures/{segment:path}": READ_BY_LINK,
    "GET /quotas/{version}/letters/{node}.pdf": SIGNED,
    "GET /territories/{version}": READ_BY_LINK,
    "GET /territories/{plan_version}/picture": READ_BY_LINK,
    # The control room
    "GET /control": READ_OWN,
    "GET /control/leads/{figure}": READ_OWN,
    "GET /control/attention": READ_OWN,
    "GET /control/prediction": READ,
    "GET /control/tasks": READ_OWN,
    "GET /control/kpis/{name}": READ_OWN,
    "GET /control/instances/{key}": READ_OWN,
    "GET /control/instances/{key}/path.json": READ_OWN,
    "GET /control/diagrams/{key}.bpmn": READ_OWN,
    "GET /control/diagrams/{key}/figures.json": READ,
    "GET /control/processes": READ,
    "GET /control/processes/{process}": READ,
    "GET /control/processes/{process}/instances": READ,
    "GET /control/processes/{process}/paths": READ,
    "GET /control/processes/{process}/compare": READ,
    "GET /control/processes/{process}/versions": READ,
    "POST /control/processes/{process}/versions": REPAIR,
    "GET /control/processes/{process}/log": ANALYSE,
    "GET /control/forecasts": READ_OWN,
    "GET /control/forecasts/{version}": READ_OWN,
    "GET /control/quotas": READ_OWN,
    "GET /control/quotas/{quota_id}": READ_OWN,
    "GET /control/territories": READ_OWN,
    "GET /control/territories/{alignment_id}": READ_OWN,
    "GET /control/what-if": ANALYSE,
    "POST /control/what-if": ANALYSE,
    "GET /control/operations": READ,
    "POST /control/operations": REPAIR,
    "GET /control/webhooks": READ,
    "POST /control/webhooks": REPAIR,
    "GET /control/events": READ_OWN,
    "GET /control/static/{name:path}": HARMLESS,
    "GET /control/account": ANYBODY_KNOWN,
    "GET /control/sign-in": HARMLESS,
    "POST /control/sign-in": HARMLESS,
    "GET /control/sign-in/provider": HARMLESS,
    "GET /control/sign-in/callback": Rule(why="by what the provider says, and the cookie of who was sent there"),
    "GET /control/signed-out": HARMLESS,
    "POST /control/sign-out": ANYBODY_KNOWN,
}
"""By method and path, as the routes declare them."""
