"""``/control/sign-in`` and ``/control/sign-out``: by an API token, or at the OpenID provider; and who one is here."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from typing import Annotated

import structlog
from cryptography.fernet import Fernet, InvalidToken
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from workers.gateway import sessions
from workers.gateway.control_pages import shown
from workers.gateway.openid import Flow, NotSignedIn, ProviderAway
from workers.gateway.parts import Parts, TheParts, page_visitor, read_form
from workers.gateway.people import CALLBACK, People
from workers.gateway.problems import Refusal
from workers.gateway.sessions import TheVisitor
from workers.office import links

log = structlog.get_logger()

router = APIRouter(prefix="/control", include_in_schema=False)

FLOW_COOKIE = "fairlead_sign_in"
FLOW_SECONDS = 600
"""How long somebody may take at the provider."""
SIGNED_OUT = "/control/signed-out"

Next = Annotated[str, Query(max_length=2_000)]


@router.get("/sign-in", dependencies=[Depends(page_visitor)])
async def ask(parts: TheParts, next: Next = "/control") -> HTMLResponse:  # noqa: A002 - the address' own word
    """Where a person signs in."""
    return _ask(parts, sessions.own_page(next))


@router.post("/sign-in", dependencies=[Depends(page_visitor)])
async def sign_in(request: Request, parts: TheParts) -> Response:
    """Take a token, and open a session for it."""
    form = await read_form(request)
    back = sessions.own_page(form.one("next"))
    if not parts.guard.tokens:
        return RedirectResponse(back, 303)
    try:
        client = await parts.guard.bearer(request, form.one("token"))
    except Refusal as refusal:
        if refusal.problem.status != 401:
            raise
        return _ask(parts, back, wrong=True, status=401)
    await sessions.end(request, parts)
    answer = RedirectResponse(back, 303)
    _give(answer, request, parts, await sessions.open_(parts, client.id))
    return answer


@router.get("/sign-in/provider", dependencies=[Depends(page_visitor)])
async def to_provider(
    request: Request,
    parts: TheParts,
    next: Next = "/control",  # noqa: A002 - as above
    anew: bool = False,
) -> Response:
    """Send a browser to the provider; `anew`: whoever is signed in there is asked again who they are."""
    try:
        address, flow = await _people(parts).provider.begin(sessions.own_page(next), anew=anew)
    except ProviderAway:
        return _not_signed_in("The provider gives no usable answer. Try again in a moment.", status=503)
    answer = RedirectResponse(address, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    # Lax: who comes back from the provider comes from another site, and a stricter cookie would stay at home.
    answer.set_cookie(
        FLOW_COOKIE, _cipher(parts).encrypt(json.dumps(asdict(flow)).encode()).decode(), max_age=FLOW_SECONDS,
        path=CALLBACK, httponly=True, samesite="lax", secure=_secure(request, parts),
    )  # fmt: skip
    return answer


@router.get("/sign-in/callback", dependencies=[Depends(page_visitor)])
async def from_provider(request: Request, parts: TheParts) -> Response:
    """Take back who was sent to the provider, and open a session for them."""
    people = _people(parts)
    try:
        flow = await _flow(request, parts)
        tokens = await people.provider.finish(flow, dict(request.query_params))
        person = await people.of(tokens.claims)
        if not person.roles:
            log.info("no role", action="sign_in_refused", who=person.name, reason="no role")
            text = f"You are {person.name}, and none of your groups has a role here. Ask whoever runs Fairlead for one."
            return _not_signed_in(text, anew=True)
        await sessions.end(request, parts)
        cookie = await sessions.open_(parts, person.id, person, tokens, flow.state)
    except NotSignedIn as error:
        log.info("not signed in", action="sign_in_refused", reason=str(error))
        text = "What the provider sent does not belong to a sign-in that this browser began a short time ago. "
        return _not_signed_in(f"{text}Sign in once more, at {parts.settings.gateway_url}.")
    except ProviderAway:
        return _not_signed_in("The provider gives no usable answer. Try again in a moment.", status=503)
    log.info("signed in", action="signed_in", who=person.name, roles=sorted(person.roles))
    # A page of ours goes on, not a redirect: it would still count as the provider's doing, and a strict cookie stay away.
    answer = shown("forward.html", title="Signed in", address=flow.back)
    _give(answer, request, parts, cookie)
    answer.delete_cookie(FLOW_COOKIE, path=CALLBACK)
    return answer


@router.get("/account")
async def get_account(request: Request, visitor: TheVisitor) -> HTMLResponse:
    """Who one is here, and the way out."""
    return shown(
        "account.html", active="account", client=visitor.client, access=request.state.access, word=visitor.word
    )


@router.post("/sign-out")
async def sign_out(request: Request, parts: TheParts, visitor: TheVisitor) -> Response:
    """End the session here, then at the provider."""
    form = await read_form(request)
    sessions.check_form(request, visitor, form.one("word"))
    id_token = await sessions.end(request, parts)
    answer: Response = RedirectResponse(SIGNED_OUT, 303)
    if id_token is not None and parts.people is not None:
        try:
            address = await parts.people.provider.end_session(id_token, f"{parts.settings.gateway_url}{SIGNED_OUT}")
        except ProviderAway:
            address = None
        if address is not None:
            # By a page: our policy lets forms lead to ourselves only, also by redirects.
            answer = shown("forward.html", title="Signing out", address=address)
    answer.delete_cookie(sessions.COOKIE, path="/control")
    return answer


@router.get("/signed-out", dependencies=[Depends(page_visitor)])
async def signed_out() -> HTMLResponse:
    """The end."""
    return shown("signed_out.html", title="Signed out", text="Your session here is over.", anew=False)


def _ask(parts: Parts, back: str, *, wrong: bool = False, status: int = 200) -> HTMLResponse:
    provider = parts.settings.openid.label if parts.people is not None else None
    return shown(
        "sign_in.html", status=status, back=back, wrong=wrong, provider=provider, tokens=parts.guard.tokens
    )  # fmt: skip


def _not_signed_in(text: str, *, status: int = 403, anew: bool = False) -> HTMLResponse:
    return shown("signed_out.html", status=status, title="Not signed in", text=text, anew=anew)


def _people(parts: Parts) -> People:
    if parts.people is None:
        raise Refusal(404, None, "No OpenID provider is set (FAIRLEAD_OPENID__ISSUER).")
    return parts.people


async def _flow(request: Request, parts: Parts) -> Flow:
    try:
        given = _cipher(parts).decrypt(request.cookies.get(FLOW_COOKIE, "").encode(), ttl=FLOW_SECONDS)
    except InvalidToken:
        raise NotSignedIn("no sign-in of this browser is under way") from None
    flow = Flow(**json.loads(given))
    # Asked before the provider is: a code that comes twice makes it end the session that the first one began.
    if await sessions.used(parts, flow.state):
        raise NotSignedIn("this sign-in was used before")
    return flow


def _cipher(parts: Parts) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"sign-in\n" + links.secret_of(parts.settings)).digest()))


def _give(answer: Response, request: Request, parts: Parts, session: tuple[str, int]) -> None:
    cookie, seconds = session
    answer.set_cookie(
        sessions.COOKIE, cookie, max_age=seconds, path="/control", httponly=True, samesite="strict",
        secure=_secure(request, parts),
    )  # fmt: skip


def _secure(request: Request, parts: Parts) -> bool:
    return request.url.scheme == "https" or parts.settings.gateway_url.startswith("https:")
