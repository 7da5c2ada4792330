"""Reads forecasts for people and programs. Figures lie in the database as they were composed: no library of the
forecaster is needed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.gateway.forecast_answers import (
    AccuracyView,
    Change,
    Comparison,
    ForecastPage,
    ForecastSummary,
    ForecastView,
    ModelAccuracy,
    OverrideView,
    PersonAccuracy,
    Release,
    ReviewState,
    SegmentView,
    StepAccuracy,
    TargetView,
)
from workers.office.teams import SEGMENT_IS_OURS, Teams, listed

Connection = AsyncConnection[DictRow]
Picture = Callable[[str, str], str]
"""Run version and segment → address of the picture."""
_IS_OURS = f"(%(teams)s::text[] IS NULL OR {SEGMENT_IS_OURS})"
_FIGURES = ("naive", "model", "base", "final", "lo80", "hi80", "lo95", "hi95")


class UnknownVersion(LookupError):
    """There is no such version."""


class NotComparable(ValueError):
    """The versions have no month in common, or are of two organisations."""


async def list_forecasts(
    connection: Connection,
    *,
    organisation: str | None,
    state: ReviewState | None,
    limit: int,
    cursor: str | None,
    teams: Teams = None,
) -> ForecastPage:
    """Reviews with what they published, latest first; with `teams` those alone that published segments of theirs.

    Raises:
        LookupError: the cursor is not one that this list gave.
    """
    if cursor is not None:
        known = await connection.execute("SELECT FROM forecasting.reviews WHERE forecast_id = %s", (cursor,))
        if not known.rowcount:
            raise LookupError("It is not one that this list gave.")
    found = await connection.execute(
        f"""
        SELECT r.forecast_id, r.organisation, r.reason, r.asked_by, r.state, r.opened_at, r.closed_at, p.version,
            ARRAY(SELECT DISTINCT target FROM forecasting.sendings s
                  WHERE s.version = p.version AND s.state = 'delivered' ORDER BY target) AS in_use,
            CASE WHEN r.state = 'open' THEN g.doing || ', ' || g.done || ' of ' || g.total END AS progress
        FROM forecasting.reviews r
        LEFT JOIN LATERAL (SELECT version FROM forecasting.publications
                           WHERE forecast_id = r.forecast_id ORDER BY release DESC LIMIT 1) p ON true
        LEFT JOIN forecasting.progress g ON g.forecast_id = r.forecast_id
        WHERE (%(organisation)s::text IS NULL OR r.organisation = %(organisation)s)
          AND (%(state)s::text IS NULL OR r.state = %(state)s)
          AND (%(cursor)s::text IS NULL OR (r.opened_at, r.forecast_id) <
               (SELECT opened_at, forecast_id FROM forecasting.reviews WHERE forecast_id = %(cursor)s))
          AND (%(teams)s::text[] IS NULL OR EXISTS (
               SELECT FROM forecasting.published_segments s WHERE s.version = p.version AND {SEGMENT_IS_OURS}))
        ORDER BY r.opened_at DESC, r.forecast_id DESC LIMIT %(limit)s
        """.encode(),  # noqa: S608 - of our own constants only
        {
            "organisation": organisation, "state": state, "cursor": cursor, "limit": limit + 1,
            "teams": listed(teams),
        },
    )  # fmt: skip
    rows = [ForecastSummary(**row) for row in await found.fetchall()]
    more = len(rows) > limit
    return ForecastPage(forecasts=rows[:limit], next_cursor=rows[limit - 1].forecast_id if more else None)


async def read_forecast(
    connection: Connection,
    version: str,
    picture: Picture,
    *,
    segments: Sequence[str] | None,
    level: str | None,
    limit: int,
    cursor: int,
    teams: Teams = None,
) -> ForecastView:
    """A version with a part of its segments, sums first; with `teams` theirs only, and nothing said of the whole.

    Raises:
        UnknownVersion: there is none, or none with a segment of theirs.
    """
    head = await _head(connection, version, teams)
    if teams is not None:
        head |= {"facts": {}, "card": {}}
    found = await connection.execute(
        f"""
        SELECT * FROM forecasting.published_segments WHERE version = %(version)s AND place >= %(cursor)s
          AND (%(segments)s::text[] IS NULL OR segment = ANY(%(segments)s))
          AND (%(level)s::text IS NULL OR level = %(level)s)
          AND {_IS_OURS}
        ORDER BY place LIMIT %(limit)s
        """.encode(),  # noqa: S608 - of our own constants only
        {
            "version": version, "cursor": cursor, "segments": segments, "level": level, "limit": limit + 1,
            "teams": listed(teams),
        },
    )  # fmt: skip
    rows = await found.fetchall()
    released = await connection.execute(
        "SELECT choice, level, decided_by, comment, decided_at FROM forecasting.releases WHERE version = %s", (version,)
    )
    release = await released.fetchone()
    if release is not None and teams is not None:
        release |= {"comment": ""}
    sent = await connection.execute(
        """
        SELECT DISTINCT ON (target) target, state, why, former AS former_version, asked_at, settled_at
        FROM forecasting.sendings WHERE version = %s ORDER BY target, release DESC
        """,
        (version,),
    )
    return ForecastView(
        **{name: head[name] for name in ("version", "forecast_id", "organisation", "unit", "currency", "made_at")},
        months=head["months"],
        facts=head["facts"],
        card=head["card"] or {},
        release=None if release is None else Release(**release),
        targets=[TargetView(**row) for row in await sent.fetchall()],
        segments=[_segment(row, picture(head["run_version"], row["segment"])) for row in rows[:limit]],
        next_cursor=rows[limit]["place"] if len(rows) > limit else None,
    )


def _segment(row: DictRow, picture: str) -> SegmentView:
    override = row["override"]
    return SegmentView(
        **{name: row[name] for name in ("segment", "level", "champion", *_FIGURES)},
        override=None if override is None else OverrideView(**override),
        picture=picture,
    )


async def read_accuracy(
    connection: Connection, version: str, until: str | None, *, teams: Teams = None
) -> AccuracyView | None:
    """How a version did, up to a month, with `teams` by their segments alone; None: it was not judged (up to then).

    Raises:
        UnknownVersion: there is none, or none with a segment of theirs.
    """
    await _head(connection, version, teams)
    given = {"version": version, "until": until, "teams": listed(teams)}
    found = await connection.execute(
        "SELECT until, max(judged_at) AS judged_at FROM forecasting.judged"  # noqa: S608 - of our own constants only
        " WHERE version = %(version)s AND (%(until)s::text IS NULL OR until = %(until)s)"
        f" AND {_IS_OURS} GROUP BY until ORDER BY until DESC LIMIT 1".encode(),
        given,
    )
    head = await found.fetchone()
    if head is None:
        return None
    given["until"] = head["until"]
    steps = await connection.execute(
        f"""
        SELECT step, count(*) AS segments, avg(wape) AS wape, avg(mase) AS mase, avg(bias) AS bias,
            avg(value_added) AS value_added, avg(cover80) AS cover80, avg(cover95) AS cover95
        FROM forecasting.judged j JOIN forecasting.published_segments s USING (version, segment)
        WHERE version = %(version)s AND until = %(until)s AND s.bottom AND {_IS_OURS} GROUP BY step
        ORDER BY array_position(ARRAY['naive', 'model', 'reconciled', 'override', 'final'], step)
        """.encode(),  # noqa: S608 - see above
        given,
    )
    models = await connection.execute(
        f"""
        SELECT j.champion AS model, count(*) AS segments, avg(wape) AS wape, avg(mase) AS mase,
            avg(value_added) AS value_added
        FROM forecasting.judged j JOIN forecasting.published_segments s USING (version, segment)
        WHERE version = %(version)s AND until = %(until)s AND s.bottom AND step = 'model' AND {_IS_OURS}
        GROUP BY j.champion ORDER BY segments DESC, model
        """.encode(),  # noqa: S608 - see above
        given,
    )
    people = await connection.execute(
        f"""
        SELECT person, count(*) AS segments, avg(wape) AS wape, avg(bias) AS bias, avg(value_added) AS value_added
        FROM forecasting.judged WHERE version = %(version)s AND until = %(until)s AND step = 'override'
          AND person IS NOT NULL AND {_IS_OURS} GROUP BY person ORDER BY segments DESC, person
        """.encode(),  # noqa: S608 - see above
        given,
    )
    return AccuracyView(
        version=version,
        until=head["until"],
        judged_at=head["judged_at"],
        steps=[StepAccuracy(**row) for row in await steps.fetchall()],
        models=[ModelAccuracy(**row) for row in await models.fetchall()],
        people=[PersonAccuracy(**row) for row in await people.fetchall()],
    )


async def compare(
    connection: Connection,
    before: str,
    after: str,
    limit: int,
    *,
    within: Sequence[str] | None = None,
    teams: Teams = None,
) -> Comparison:
    """What changed from one version to another, over the months that both have; `within`: of these months only; with `teams`
    of their segments only.

    Raises:
        UnknownVersion: one of them is not there, or has no segment of theirs.
        NotComparable: they have nothing in common.
    """
    old, new = await _head(connection, before, teams), await _head(connection, after, teams)
    months = [month for month in old["months"] if month in new["months"] and (within is None or month in within)]
    if old["organisation"] != new["organisation"]:
        raise NotComparable(f"{before} is of {old['organisation']}, and {after} of {new['organisation']}.")
    if not months:
        raise NotComparable(f"{before} and {after} have no month in common.")
    parts_before, parts_after = [await _sums(connection, head, months, teams) for head in (old, new)]
    changes = [
        Change(
            segment=name,
            before=was["total"],
            after=now["total"],
            change_percent=100 * (now["total"] - was["total"]) / abs(was["total"]) if was["total"] else None,
            champion_before=was["champion"],
            champion_after=now["champion"],
            overridden_before=was["overridden"],
            overridden_after=now["overridden"],
        )
        for name, was in parts_before.items()
        if (now := parts_after.get(name)) is not None
    ]
    changes.sort(key=lambda one: (-abs(one.after - one.before), one.segment))
    return Comparison(
        before=before,
        after=after,
        months=months,
        changes=changes[:limit],
        new_segments=sorted(parts_after.keys() - parts_before.keys()),
        gone_segments=sorted(parts_before.keys() - parts_after.keys()),
    )


async def _sums(connection: Connection, head: DictRow, months: Sequence[str], teams: Teams) -> dict[str, DictRow]:
    found = await connection.execute(
        f"""
        SELECT segment, champion, override IS NOT NULL AS overridden,
            (SELECT sum(figure) FROM unnest(%(all)s::text[], final) AS f (month, figure)
             WHERE month = ANY(%(months)s)) AS total
        FROM forecasting.published_segments WHERE version = %(version)s AND {_IS_OURS}
        """.encode(),  # noqa: S608 - of our own constants only
        {"version": head["version"], "all": head["months"], "months": months, "teams": listed(teams)},
    )
    return {row["segment"]: row for row in await found.fetchall()}


async def _head(connection: Connection, version: str, teams: Teams) -> DictRow:
    found = await connection.execute(
        "SELECT p.*, o.unit, o.currency, r.card FROM forecasting.publications p"  # noqa: S608 - of our own constants only
        " JOIN forecasting.organisations o ON o.id = p.organisation"
        " LEFT JOIN forecasting.runs r ON r.version = p.run_version WHERE p.version = %(version)s AND"
        " (%(teams)s::text[] IS NULL OR EXISTS (SELECT FROM forecasting.published_segments s WHERE s.version = p.version"
        f" AND {SEGMENT_IS_OURS}))".encode(),
        {"version": version, "teams": listed(teams)},
    )
    row = await found.fetchone()
    if row is None:
        raise UnknownVersion(f"There is no version {version}.")
    return row
