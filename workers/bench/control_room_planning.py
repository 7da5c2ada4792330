"""Forecasts, quotas and territories of a large organisation for the control room's benchmark, put into the tables at once.

Three versions of a forecast with its sums and what came; quotas and territories are those of `control_room_field`. Figures follow
from places alone, so that each run has the same. What the processes would have written, these tables would hold too; the
frames of fits and plans are left out, as no page reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import psycopg
from psycopg.types.json import Jsonb

from workers.bench.control_room_field import ALIGNMENT, BEGAN, REVIEW, SHOPS, fill_quotas, fill_territories
from workers.forecast_review.domain.composing import ACROSS, TOTAL, members

VERSIONS = ("bench_shops-1.1", "bench_shops-2.1", "bench_shops-3.1")
STATES = 8
AHEAD, CAME, PAST = 12, 4, 48
"""Months of a version, of them those that came, and months before."""
INSTANCES = {REVIEW: 9_000_001, VERSIONS[2][:-2]: 9_000_002, ALIGNMENT: 9_000_003}
"""Case → process instance."""
PROCESSES = {9_000_001: "quota_approval", 9_000_002: "forecast_review", 9_000_003: "territory_alignment"}


def fill_planning(connection: psycopg.Connection, reps: int, series: int, accounts: int, secret: bytes) -> None:
    """Put an organisation of so many reps, bottom segments and accounts into an empty database."""
    _forecasts(connection, series)
    fill_quotas(connection, reps, INSTANCES[REVIEW], secret)
    fill_territories(connection, reps, accounts)
    for case, instance in INSTANCES.items():
        connection.execute(
            "INSERT INTO control.processes (key, process, version, deployed_at, diagram, position)"
            " VALUES (%s, %s, 1, %s, '<bpmn:definitions xmlns:bpmn=\"http://www.omg.org/spec/BPMN/20100524/MODEL\"/>', 1)",
            (instance + 10, PROCESSES[instance], BEGAN),
        )
        connection.execute(
            "INSERT INTO control.instances (key, process_key, process, version, started_at, position)"
            " VALUES (%s, %s, %s, 1, %s, 1)",
            (instance, instance + 10, PROCESSES[instance], BEGAN),
        )
        connection.execute(
            "INSERT INTO runtime.timeline (business_id, at, actor, action, why, process_instance_key)"
            " VALUES (%s, %s, 'olga', 'opened', 'It was asked for.', %s)",
            (case, BEGAN, instance),
        )
    connection.execute("VACUUM ANALYZE")


def month_of(number: int) -> str:
    """The month so many after January 2026: ``2026-02`` is the first after it."""
    year, month = divmod(2026 * 12 + number, 12)
    return f"{year}-{month + 1:02}"


def figure(place: int, month: int) -> float:
    """What a bottom segment is expected to sell."""
    return 100.0 + 3 * place + 10 * (month % 12)


def _level(name: str) -> str:
    return "total" if name == TOTAL else "shop" if "/" in name else "state"


def _forecasts(connection: psycopg.Connection, series: int) -> None:
    bottom = [f"state-{place % STATES}/shop-{place // STATES:02}" for place in range(series)]
    states, kinds = dict.fromkeys(name.split("/")[0] for name in bottom), dict.fromkeys(n.split("/")[1] for n in bottom)
    names = [TOTAL, *states, *(f"{ACROSS}/{kind}" for kind in kinds), *bottom]
    below, place = members(names), {name: number for number, name in enumerate(bottom)}
    connection.execute(
        "INSERT INTO forecasting.organisations (id, name, levels, groups, unit, currency) VALUES (%s, 'Shops', '{state,shop}',"
        " %s, 'EUR', 'EUR')",
        (SHOPS, Jsonb([["shop"]])),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO forecasting.sales (organisation, segment, month, value, source) VALUES (%s, %s, %s, %s, 'bench')",
            [
                (SHOPS, name, f"{month_of(month)}-01", figure(place[name], month) * 1.02)
                for name in bottom
                for month in range(-PAST, CAME)
            ],
        )
    for age, version in enumerate(VERSIONS):
        _version(
            connection, version, names, below, place, months=range(age - 2, age - 2 + AHEAD), factor=1 + 0.01 * age
        )


def _version(
    connection: psycopg.Connection,
    version: str,
    names: Sequence[str],
    below: Mapping[str, Sequence[str]],
    place: Mapping[str, int],
    *,
    months: range,
    factor: float,
) -> None:
    review = version.removesuffix(".1")
    at = BEGAN + timedelta(days=30 * VERSIONS.index(version))
    connection.execute(
        "INSERT INTO forecasting.reviews (forecast_id, organisation, reason, asked_by, state, version, opened_at, closed_at)"
        " VALUES (%s, %s, 'schedule', 'schedule', 'published', %s, %s, %s)",
        (review, SHOPS, f"run-{review}", at, at),
    )
    connection.execute(
        "INSERT INTO forecasting.publications (version, forecast_id, release, organisation, run_version, months, facts)"
        " VALUES (%s, %s, 1, %s, %s, %s, %s)",
        (version, review, SHOPS, f"run-{review}", [month_of(one) for one in months],
         Jsonb({"total": 1e6, "overrides": 1, "change_percent_to_former": 1.0})),
    )  # fmt: skip
    connection.execute(
        "INSERT INTO forecasting.releases VALUES (%s, 'approve', 'director', 'dora', 'As agreed.', %s)", (version, at)
    )
    connection.execute(
        "INSERT INTO forecasting.sendings (change_id, forecast_id, release, version, target, state, asked_at)"
        " VALUES (%s, %s, 1, %s, 'crm', 'delivered', %s)",
        (f"{review}/1/crm", review, version, at),
    )
    changed = next(iter(place))
    rows, facts = [], []
    for number, name in enumerate(names):
        base = [factor * sum(figure(place[part], month) for part in below[name]) for month in months]
        more = [0.05 * factor * figure(place[changed], month) if changed in below[name] else 0.0 for month in months]
        wide = [0.1 * one for one in base]
        override = {"values": {month_of(months[0]): base[0] + more[0]}, "reason": "promotion", "by": "ana", "approved_by": "mona"}  # fmt: skip
        rows.append(
            (version, number, name, _level(name), "theta", base, base,
             base, [one + extra for one, extra in zip(base, more, strict=True)], below[name] == (name,),
             [one - half for one, half in zip(base, wide, strict=True)], [one + half for one, half in zip(base, wide, strict=True)],
             [one - 2 * half for one, half in zip(base, wide, strict=True)],
             [one + 2 * half for one, half in zip(base, wide, strict=True)], Jsonb(override) if name == changed else None)
        )  # fmt: skip
        history = {
            month_of(m): 1.02 * sum(figure(place[part], m) for part in below[name])
            for m in range(months[0] - PAST, months[0])
        }
        facts.append((review, f"run-{review}", number, name, Jsonb({}), Jsonb({"history": history})))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO forecasting.published_segments (version, place, segment, level, champion, naive, model, base, final,"
            " bottom, lo80, hi80, lo95, hi95, override) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
        cursor.executemany(
            "INSERT INTO forecasting.segment_facts (forecast_id, version, place, segment, facts, series)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            facts,
        )
        cursor.executemany(
            "INSERT INTO forecasting.judged (version, until, segment, step, champion, person, months, wape, value_added)"
            " VALUES (%s, %s, %s, %s, 'theta', %s, %s, %s, %s)",
            [
                (version, month_of(CAME - 1), name, step, "ana" if name == changed else None, CAME, wape, added)
                for name in names
                for step, wape, added in (("naive", 9.0, None), ("reconciled", 5.0, 4.0), ("override", 3.5, 1.5))
            ],
        )
    connection.execute(
        'INSERT INTO forecasting.overrides (forecast_id, review_key, segment, "values", percent, amount, reason, note, by_whom,'
        " decided_at, state, approved_by) VALUES (%s, %s, %s, %s, 0.05, 60, 'promotion', 'The fair.', 'ana', %s, 'approved',"
        " 'mona')",
        (review, f"1/{changed}/1", changed, Jsonb({}), at),
    )
