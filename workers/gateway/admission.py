"""The door of every route: who comes, and whether `access_rules` lets them in. Routes get it without asking for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from fastapi import Request

from workers.control_room import rendering
from workers.gateway import sessions
from workers.gateway.access import Access, Client
from workers.gateway.access_rules import RULES
from workers.gateway.control_pages import PAGES
from workers.gateway.parts import Parts, TheParts
from workers.gateway.problems import Fault, Refusal

API = "/v1/"
REPEATED = frozenset({"segment"})
"""Parameters that may come several times. Of any other it would be a guess which of them counts, here and in whatever
stands before us."""


async def admit(request: Request, parts: TheParts) -> None:
    """Let in whom the route is for, and keep for it who that is (`parts.TheClient`, `sessions.TheVisitor`).

    Raises:
        SignInFirst: a browser asks for a page without a session.
        Refusal: 401, no or a wrong token; 403, not for the roles or teams that they have; 421 and 429 as `Guard.client`;
            422, a parameter comes twice.
    """
    path = request.scope["route"].path
    if path.startswith(API):
        _each_once(request)
    rule = RULES.get(f"{request.method} {path}")
    if rule is None:
        raise Refusal(403, "not-your-role", "Nobody may do this: workers/gateway/access_rules.py has no line for it.")
    if not rule.roles or (rule.link and {"until", "signature"} <= request.query_params.keys()):
        return
    client = await _client(request, parts, path)
    if path.startswith(PAGES):
        rendering.OPENS.set(frozenset(where for where in rendering.PLACES if opens(client.access, where)))
        rendering.SIGNED_IN.set(parts.guard.locked)
        rendering.REGION.set(parts.settings.regions.here)
    request.state.access = client.access
    request.state.client = replace(client, access=rule.narrowed(client.access))


def _each_once(request: Request) -> None:
    times = Counter(name for name, _ in request.query_params.multi_items() if name not in REPEATED)
    if twice := [name for name, number in times.items() if number > 1]:
        faults = [Fault(pointer=f"query {name}"[:100], detail="comes more than once") for name in twice]
        raise Refusal(422, "invalid-request", "A parameter comes once; see errors.", errors=faults)


def opens(access: Access, page: str) -> bool:
    """Whether somebody may open a page."""
    try:
        RULES[f"GET {page}"].narrowed(access)
    except (Refusal, KeyError):
        return False
    return True


async def _client(request: Request, parts: Parts, path: str) -> Client:
    if path.startswith(PAGES) and parts.guard.locked and "authorization" not in request.headers:
        return await sessions.client_of(request, parts)
    return await parts.guard.client(request)
