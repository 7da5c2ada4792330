"""A review as people look at it: how far it is, who was asked about what, and all that happened in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.office.happened import Happened, cut, timeline
from workers.office.teams import SEGMENT_IS_OURS, Teams, listed


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """A review in short."""

    forecast_id: str
    organisation: str
    reason: str
    asked_by: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    version: str | None
    """What was fitted; None: nothing yet."""
    to_review: int
    """Segments that people are asked about."""
    overrides: int


@dataclass(frozen=True, slots=True)
class AskedSegment:
    """A segment that people were asked about, and the last word on it."""

    segment: str
    group: str
    why: str
    answer: str | None
    """``accept``, ``override``, ``hand_over`` or ``closed``; None: nobody answered yet."""
    by_whom: str | None
    percent: float | None
    """Of the override: 0.05 is five percent more."""
    reason: str | None
    state: str | None
    """Of the override: ``proposed``, ``approved``, ``rejected`` or ``replaced``."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fit is."""

    done: int
    total: int
    doing: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReviewStory:
    """One review with all that happened in it."""

    line: ReviewLine
    progress: Progress | None
    segments: tuple[AskedSegment, ...]
    timeline: tuple[Happened, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was sold and is not forecast, and why."""

    where: str
    """The source and the row."""
    rule: str
    text: str
    segment: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found, and what the rule put in its place."""

    place: int
    segment: str
    month: str | None
    """None: it holds of the whole segment."""
    rule: str
    severity: str
    text: str
    value: float | None
    proposal: float | None
    """What the rule would put there."""
    repaired: float | None
    """What was put there; None: it was left as it came."""
    decided_by: str | None
    """The decision table's rule, or a person's log-in."""


@dataclass(frozen=True, slots=True)
class ReviewFindings:
    """What was found in the sales of a review that were collected last."""

    history_id: str
    left_out_count: int
    left_out: tuple[LeftOut, ...]
    """The first of them."""
    findings: tuple[Found, ...]
    next_cursor: int | None
    """Place that the next page begins with; None: there is none."""


_IS_OURS = f"(%(teams)s::text[] IS NULL OR {SEGMENT_IS_OURS})"
_OURS = f"""
    SELECT segment FROM forecasting.published_segments s JOIN forecasting.publications p USING (version)
    WHERE p.forecast_id = %(id)s AND {SEGMENT_IS_OURS}
    UNION SELECT segment FROM forecasting.segment_facts WHERE forecast_id = %(id)s AND {SEGMENT_IS_OURS}
"""  # noqa: S608 - of our own constants only
_LINE = """
    SELECT forecast_id, organisation, reason, asked_by, state, opened_at, closed_at, version,
        (SELECT count(*) FROM forecasting.segment_facts f
         WHERE f.forecast_id = r.forecast_id AND f.version = r.version AND f.to_review) AS to_review,
        (SELECT count(*) FROM forecasting.overrides o
         WHERE o.forecast_id = r.forecast_id AND o.state IN ('proposed', 'approved')) AS overrides
    FROM forecasting.reviews r WHERE forecast_id = %(id)s
"""
_SEGMENTS = """
    SELECT f.segment, f.reviewer_group AS group, f.why, a.answer, a.by_whom, o.percent, o.reason, o.state
    FROM forecasting.reviews r
    JOIN forecasting.segment_facts f ON f.forecast_id = r.forecast_id AND f.version = r.version AND f.to_review
    LEFT JOIN LATERAL (
        SELECT review_key, answer, by_whom FROM forecasting.answers
        WHERE forecast_id = f.forecast_id AND segment = f.segment ORDER BY decided_at DESC LIMIT 1) a ON true
    LEFT JOIN forecasting.overrides o ON o.forecast_id = f.forecast_id AND o.review_key = a.review_key
    WHERE r.forecast_id = %(id)s ORDER BY f.priority DESC, f.segment
"""
_COLLECTED = f"""
    SELECT history_id, (SELECT coalesce(jsonb_agg(problem), '[]') FROM jsonb_array_elements(problems) AS problem,
        LATERAL (SELECT problem->>3 AS segment) AS named WHERE {_IS_OURS}) AS problems
    FROM forecasting.collections WHERE forecast_id = %(id)s ORDER BY collected_at DESC LIMIT 1
"""  # noqa: S608 - of our own constants only
_FOUND = f"""
    SELECT f.place, f.series AS segment, to_char(f.month, 'YYYY-MM') AS month, f.rule, f.severity, f.text, f.value,
        f.proposal, r.after AS repaired, r.decided_by
    FROM forecasting.findings f LEFT JOIN forecasting.repairs r USING (history_id, series, month, rule),
        LATERAL (SELECT f.series AS segment) AS named
    WHERE f.history_id = %(history)s AND f.place >= %(cursor)s AND {_IS_OURS} ORDER BY f.place LIMIT %(limit)s
"""  # noqa: S608 - of our own constants only


async def story(connection: AsyncConnection[DictRow], forecast_id: str, *, teams: Teams = None) -> ReviewStory | None:
    """One review, with `teams` what concerns their segments; None: no such review was opened, or it has none of theirs."""
    given = {"id": forecast_id, "teams": listed(teams)}
    async with connection.cursor(row_factory=class_row(ReviewLine)) as lines:
        await lines.execute(_LINE, given)
        line = await lines.fetchone()
    own = await _own(connection, forecast_id, teams)
    if line is None or own == frozenset():
        return None
    async with connection.cursor(row_factory=class_row(Progress)) as steps:
        await steps.execute(
            "SELECT done, total, doing, at FROM forecasting.progress WHERE forecast_id = %s", (forecast_id,)
        )
        progress = await steps.fetchone()
    async with connection.cursor(row_factory=class_row(AskedSegment)) as asked:
        await asked.execute(_SEGMENTS, given)
        segments = await asked.fetchall()
    told = await timeline(connection, forecast_id)
    if own is not None:
        segments = [one for one in segments if one.segment in own]
        standing = sum(one.state in {"proposed", "approved"} for one in segments)
        line, progress, told = (
            replace(line, to_review=len(segments), overrides=standing), None, cut(told, "segment", own),
        )  # fmt: skip
    return ReviewStory(line, progress, tuple(segments), told)


async def _own(connection: AsyncConnection[DictRow], forecast_id: str, teams: Teams) -> frozenset[str] | None:
    """Segments of a review that are the teams'; None: all are."""
    if teams is None:
        return None
    found = await connection.execute(_OURS.encode(), {"id": forecast_id, "teams": listed(teams)})
    return frozenset(row["segment"] for row in await found.fetchall())


async def findings(
    connection: AsyncConnection[DictRow], forecast_id: str, *, limit: int, cursor: int, teams: Teams = None
) -> ReviewFindings | None:
    """At most `limit` findings from place `cursor` on, the worst first, with `teams` of their segments; None: no sales were
    collected in such a review, or it has none of theirs.
    """
    given = {"id": forecast_id, "teams": listed(teams), "cursor": cursor, "limit": limit + 1}
    collection = await (await connection.execute(_COLLECTED.encode(), given)).fetchone()
    if collection is None or await _own(connection, forecast_id, teams) == frozenset():
        return None
    async with connection.cursor(row_factory=class_row(Found)) as found:
        await found.execute(_FOUND.encode(), given | {"history": collection["history_id"]})
        page = await found.fetchall()
    return ReviewFindings(
        collection["history_id"],
        len(collection["problems"]),
        tuple(LeftOut(*problem) for problem in collection["problems"][:limit]),
        tuple(page[:limit]),
        page[limit].place if len(page) > limit else None,
    )
