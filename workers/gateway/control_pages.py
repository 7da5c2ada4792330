"""What the pages of the control room share: their headers, their scope, their frame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse

from workers.control_room import rendering
from workers.control_room.kpis import Scope
from workers.gateway.live import FRESH_SECONDS
from workers.gateway.parts import Parts
from workers.gateway.problems import MEDIA_TYPE, Refusal
from workers.gateway.sessions import TheVisitor
from workers.office import teams

T = TypeVar("T")

PAGES = "/control"
"""Below it a browser's session counts; the API takes bearer tokens only, which no foreign web page can make a browser send."""
TITLES = {
    401: "Sign in first",
    403: "This page is not for you",
    404: "There is no such page",
    422: "This address can't be shown",
    500: "Something went wrong",
}
"""What a refused page is headed by; of other problems it is their title."""
FOR_NOW = frozenset({429, 503})

FRESH = 1 / 50_000
"""Of a long period's length, how long its figures count: 12 s of a week, 2.6 min of a quarter. A new case changes little."""
PERIODS: Mapping[str, tuple[str, timedelta]] = {
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
}
HEADERS = {
    "Cache-Control": "no-store",
    # bpmn-js sets styles on what it draws; nothing but our own scripts runs, and nothing is asked of another host.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' "
        "data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class View:
    """The filters of a page, as its address has them."""

    period: str
    team: str
    own: tuple[str, ...] | None = None
    """Who sees their own teams only has chosen one of them; None: they see all."""
    opens: frozenset[str] = frozenset()
    """Which pages are offered to them: figures are shared among those who are shown the same."""

    @property
    def scope(self) -> Scope:
        """What they mean now; long periods begin with a day."""
        until, length = datetime.now(UTC), PERIODS[self.period][1]
        by_day = length > timedelta(days=1)
        since = (until - length).replace(hour=0, minute=0, second=0, microsecond=0) if by_day else until - length
        return Scope(since, until, self.team or None, by_day)

    @property
    def query(self) -> str:
        """For links that keep them."""
        return urlencode({"period": self.period} | ({"team": self.team} if self.team else {}))


async def _view(
    visitor: TheVisitor,
    period: Annotated[str, Query(pattern=f"^({'|'.join(PERIODS)})$")] = "24h",
    team: Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")] = "",
) -> View:
    own = visitor.client.teams
    if own is not None and not team:
        async with visitor.parts.pool.connection() as connection:
            team = await teams.first_territory(connection, own) or next(iter(own), "")
    if own is not None and team not in own:
        raise Refusal(404, None, "There is no such team.")
    return View(period, team, own, rendering.OPENS.get())


TheView = Annotated[View, Depends(_view)]
Team = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]


async def shared(parts: Parts, view: View, what: Hashable, read: Callable[[], Awaitable[T]]) -> T:
    """Figures of a view, read once for all who ask for the same; those of the shortest period anew after each change."""
    seconds = FRESH * PERIODS[view.period][1].total_seconds()
    return await parts.shared.get((what, view), read, fresh=None if seconds < 2 * FRESH_SECONDS else seconds)


def shown(template: str, *, status: int = 200, **given: object) -> HTMLResponse:
    """A page."""
    return HTMLResponse(rendering.render(template, **given), status, HEADERS)


def missing(what: str, hint: str) -> HTMLResponse:
    """404 as a page."""
    return _message(404, what, hint)


def refused(request: Request, refusal: Refusal) -> HTMLResponse | None:
    """A refusal as a page; None: a program asked, which takes the problem's JSON."""
    taken = request.headers.get("accept", "")
    if not request.url.path.startswith(PAGES) or "text/html" not in taken or MEDIA_TYPE in taken:
        return None
    problem, asked = refusal.problem, request.method == "GET"
    text = problem.detail
    if request.scope.get("route") is None:
        text = "There is nothing at this address. Was it cut off?"
    elif problem.errors:
        text = "It has something that was not understood:"
    answer = _message(
        problem.status, TITLES.get(problem.status, problem.title) if asked else problem.title, text,
        faults=[f"{one.pointer}: {one.detail}" for one in problem.errors or ()],
        again=f"{request.url.path}?{request.url.query}".rstrip("?") if asked and problem.status in FOR_NOW else "",
    )  # fmt: skip
    answer.headers.update(refusal.headers)
    return answer


def _message(status: int, title: str, text: str, *, faults: Sequence[str] = (), again: str = "") -> HTMLResponse:
    return shown("message.html", status=status, active="", title=title, text=text, faults=faults, again=again)
