"""The quotas and territories of a large organisation for the control room's benchmark.

Five levels: company, regions, countries, teams of ten, reps. Quotas in force and a review of which a seventh waits for people,
with a signed trail; territories proposed and edited.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import psycopg
from psycopg.types.json import Jsonb

from workers.quota_approval.domain.buffers import with_buffer
from workers.quota_approval.domain.trail import mac_of

SHOPS, FIELD = "bench_shops", "bench_field"
"""The organisations' ids; territories have the second."""
REVIEW, FORMER, ALIGNMENT = "bench_field-2", "bench_field-1", "bench_field-3"
PLANS = ("bench-plan-1", "bench-plan-2")
TEAM, PER_UNIT = 10, 5
BUFFER = Fraction(3, 100)
"""Of reps over their team."""
BEGAN = datetime(2026, 1, 5, tzinfo=UTC)
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\n"
    b"IDATx\x9cc\xf8\x0f\x00\x01\x01\x01\x00\xb18\xf6\x14\x00\x00\x00\x00IEND\xaeB`\x82"
)
"""One white point: a picture costs the page nothing but its address."""


@dataclass(frozen=True, slots=True)
class Node:
    """A rep or unit."""

    node: str
    name: str
    level: str
    parent: str
    quota: int


def organisation(reps: int) -> list[Node]:
    """The tree, units first, from the top; it adds up to the cent."""
    teams = math.ceil(reps / TEAM)
    countries = math.ceil(teams / PER_UNIT)
    regions = math.ceil(countries / PER_UNIT)
    own = {f"T{t:03}": 80_000_000 + 1_234_567 * (t % 17) for t in range(teams)}
    people = []
    for t, (team, quota) in enumerate(own.items()):
        staff = range(t * TEAM, min(reps, (t + 1) * TEAM))
        each, rest = divmod(with_buffer(quota, BUFFER), len(staff))
        people += [Node(f"P{p:05}", f"Person {p}", "rep", team, each + (k < rest)) for k, p in enumerate(staff)]
    units = [Node(team, f"Team {t}", "team", f"C{t // PER_UNIT:02}", own[team]) for t, team in enumerate(own)]
    for level, count, sign, above in (("country", countries, "C", "R"), ("region", regions, "R", "")):
        names = [f"{sign}{i:02}" if level == "country" else f"{sign}{i}" for i in range(count)]
        sums = {name: sum(one.quota for one in units if one.parent == name) for name in names}
        units = [Node(name, f"{level.title()} {i}", level, f"{above}{i // PER_UNIT}" if above else "company", sums[name])
                 for i, name in enumerate(names)] + units  # fmt: skip
    whole = Node("company", "The company", "company", "", sum(one.quota for one in units if one.parent == "company"))
    return [whole, *units, *people]


def fill_quotas(connection: psycopg.Connection, reps: int, instance: int, secret: bytes) -> None:
    """Quotas in force, and a review of which a seventh waits in this process instance."""
    nodes = organisation(reps)
    connection.execute(
        "INSERT INTO quotas.organisations (id, name, currency, timezone, holidays, targets, rules, forecast_of)"
        " VALUES (%s, 'Field', 'EUR', 'UTC', 'US', '{crm,erp}', '{}', %s)",
        (FIELD, SHOPS),
    )
    card = {"rules": {"buffers": {"rep": str(float(BUFFER))}, "currency": "EUR"},
            "figures": {"attaining": [0.5 * reps, 0.6 * reps, 0.7 * reps], "reps": reps}}  # fmt: skip
    connection.execute(
        "INSERT INTO quotas.plans (version, card, content, sha256) VALUES ('bench-quotas', %s, '', '')", (Jsonb(card),)
    )
    for quota_id, period, state in ((FORMER, "2026", "published"), (REVIEW, "2027", "open")):
        connection.execute(
            "INSERT INTO quotas.reviews (quota_id, organisation, period, reason, asked_by, state, version, opened_at)"
            " VALUES (%s, %s, %s, 'by_hand', 'olga', %s, 'bench-quotas', %s)",
            (quota_id, FIELD, period, state, BEGAN),
        )
    connection.execute(
        "INSERT INTO quotas.publications (version, quota_id, release, organisation, period, plan_version, currency, valid_from,"
        " valid_until) VALUES (%s, %s, 1, %s, '2026', 'bench-quotas', 'EUR', %s, %s)",
        (f"{FORMER}.1", FORMER, FIELD, date(2026, 1, 1), date(2026, 12, 31)),
    )
    waiting = [one.node for number, one in enumerate(nodes) if number % 7 == 0]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO quotas.published (version, place, node, name, parent, level, quota, last_quota, odds)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(f"{FORMER}.1", place, n.node, n.name, n.parent, n.level, n.quota * 95 // 100, None, _odds(n))
             for place, n in enumerate(nodes)],
        )  # fmt: skip
        cursor.executemany(
            "INSERT INTO quotas.cases (quota_id, node, place, facts, quota, first_quota, level, why, stage, state, objection)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (REVIEW, n.node, place, Jsonb(_facts(n)), n.quota, n.quota, "manager" if n.node in waiting else "none",
                 "It rises by more than 20 %." if n.node in waiting else "", "manager", "waiting" if n.node in waiting
                 else "approved", "The plant is closed." if place == len(nodes) - 1 else "")
                for place, n in enumerate(nodes)
            ],
        )  # fmt: skip
        cursor.executemany(
            "INSERT INTO control.user_tasks (key, element_key, instance_key, process_key, process, element, groups, users,"
            " due_at, created_at, position) VALUES (%s, %s, %s, %s, 'quota_approval', 'approve_quota', '{sales-managers}', %s,"
            " %s, %s, 1)",
            [
                (8_000_000 + k, 8_100_000 + k, instance, instance + 10, ["mona", f"quota/0/{node}/1"],
                 BEGAN + timedelta(days=2), BEGAN + timedelta(minutes=k))
                for k, node in enumerate(waiting)
            ],
        )  # fmt: skip
        cursor.executemany(
            "INSERT INTO quotas.trail (quota_id, number, node, action, actor, at, seen, mac)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            list(_trail(nodes, secret)),
        )


def _odds(node: Node) -> float:
    return round(0.35 + (zlib.crc32(node.node.encode()) % 400) / 1_000, 4)


def _facts(node: Node) -> dict[str, object]:
    last = node.quota * 9 // 10
    return {
        "node": node.node, "name": node.name, "level": node.level, "parent": node.parent, "quota": node.quota,
        "last_quota": last, "change": 0.11, "expected": node.quota * 97 // 100, "odds": _odds(node),
    }  # fmt: skip


def _trail(nodes: Sequence[Node], secret: bytes) -> list[tuple[object, ...]]:
    """One decision for each quota, signed."""
    rows: list[tuple[object, ...]] = []
    before = ""
    for number, one in enumerate(nodes, 1):
        at, seen = BEGAN + timedelta(seconds=number), {"choice": "approve", "quota": one.quota, "odds": _odds(one)}
        mac = mac_of(secret, before, REVIEW, number, one.node, "decided", "mona", at, seen)
        rows.append((REVIEW, number, one.node, "decided", "mona", at, Jsonb(seen), mac))
        before = mac
    return rows


def fill_territories(connection: psycopg.Connection, reps: int, accounts: int) -> None:
    """Territories proposed and edited."""
    connection.execute("INSERT INTO territories.organisations (id, name) VALUES (%s, 'Field')", (FIELD,))
    connection.execute(
        "INSERT INTO territories.alignments (alignment_id, organisation, reason, asked_by, state, plan_version, opened_at)"
        " VALUES (%s, %s, 'yearly', 'olga', 'open', %s, %s)",
        (ALIGNMENT, FIELD, PLANS[1], BEGAN),
    )
    kpis = {"changed_hands": 12, "travel_km": 40.5, "highest_load": 1.02, "lowest_load": 0.8, "work_off": 0.02}
    connection.execute(
        "INSERT INTO territories.reps (organisation, rep, place, name, region, capacity, latitude, longitude)"
        " SELECT %s, 'P' || lpad(i::text, 5, '0'), i, 'Person ' || i, 'R' || i / 50, 1500, 45 + i / 50 %% 8 + i %% 7 / 9.0,"
        " 2 + i / 400 * 2 + i %% 11 / 7.0 FROM generate_series(0, %s) AS i",
        (FIELD, reps - 1),
    )
    connection.execute(
        "INSERT INTO territories.accounts (organisation, account, place, latitude, longitude)"
        " SELECT organisation, 'A' || lpad(i::text, 6, '0'), i, latitude + (i * 37 %% 100 - 50) / 200.0,"
        " longitude + (i * 53 %% 100 - 50) / 150.0 FROM generate_series(0, %(accounts)s) AS i"
        " JOIN territories.reps r ON r.organisation = %(field)s AND r.place = i %% %(reps)s",
        {"field": FIELD, "reps": reps, "accounts": accounts - 1},
    )
    for place, plan in enumerate(PLANS):
        connection.execute(
            "INSERT INTO territories.plans (version, name, card, content, sha256) VALUES (%s, %s, %s, '', '')",
            (
                plan,
                FIELD,
                Jsonb({"today": kpis, "kpis": kpis | {"travel_km": 38.0 - place}, "score": 1.0, "gap": 0.01}),
            ),
        )
        label = "Edited" if place else "Proposed"
        connection.execute(
            "INSERT INTO territories.scenarios VALUES (%s, %s, %s, %s)", (ALIGNMENT, place + 1, plan, label)
        )
        connection.execute("INSERT INTO territories.pictures VALUES (%s, %s)", (plan, PNG))
        connection.execute(
            """
            INSERT INTO territories.plan_accounts (version, place, account, rep, owner, potential, workload, km, region,
                key_account, why)
            SELECT %(plan)s, i, 'A' || lpad(i::text, 6, '0'), 'P' || lpad((i %% %(reps)s)::text, 5, '0'),
                'P' || lpad(((i + (i %% 10 = %(place)s)::int) %% %(reps)s)::text, 5, '0'), 100 + i %% 900, 10 + i %% 7,
                5 + i %% 90, 'R' || (i %% %(reps)s) / 50, i %% 100 = 0, 'nearer' FROM generate_series(0, %(accounts)s) AS i
            """,
            {"plan": plan, "place": place, "reps": reps, "accounts": accounts - 1},
        )
