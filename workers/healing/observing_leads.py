"""What is wrong with who has a lead, and with the scores: owners who can't answer, refusals that make a pattern, scores that
outcomes do not bear out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt

from psycopg.rows import DictRow

from workers.healing.model import HeldLead, ScorerMiss, Symptom, Trouble
from workers.lead_routing.domain.refusals import MISROUTED
from workers.lead_routing.domain.upkeep import CHECKED, scorer_id
from workers.runtime.database import Pool

WINDOW = timedelta(days=7)
"""Refusals of so long count together."""

FEWEST_OUTCOMES = 100
"""As many as the drift check itself wants."""

# A pattern is only where nobody took such a lead meanwhile: a kind is a product, of one rep or of one territory.
_HELD = """
    WITH refused AS MATERIALIZED (
        SELECT t.facts->>'owner' AS rep, l.lead->>'product' AS product, l.routing->>'territory' AS territory, t.at
        FROM runtime.timeline t JOIN routing.leads l ON l.lead_id = t.business_id
        WHERE t.action = 'rejected' AND t.at > clock_timestamp() - %(window)s AND t.facts->>'reason' = ANY(%(reasons)s)
          AND l.lead->>'product' IS NOT NULL
    ), by_rep AS (
        SELECT rep, product, count(*) AS number, max(at) AS newest FROM refused r GROUP BY rep, product
        HAVING count(*) > 1 AND NOT EXISTS (
            SELECT FROM routing.assignments a JOIN routing.leads l USING (lead_id)
            WHERE a.rep_id = r.rep AND a.released_at IS NULL AND a.accepted_at > clock_timestamp() - %(window)s
              AND l.lead->>'product' = r.product)
    ), by_territory AS (
        SELECT territory, product, count(DISTINCT rep) AS number, max(at) AS newest FROM refused r
        WHERE territory IS NOT NULL GROUP BY territory, product
        HAVING count(DISTINCT rep) > 1 AND NOT EXISTS (
            SELECT FROM routing.leads l
            WHERE l.accepted_at > clock_timestamp() - %(window)s AND l.state = 'accepted'
              AND l.routing->>'territory' = r.territory AND l.lead->>'product' = r.product)
    )
    SELECT l.lead_id, l.owner_id, l.assigned_at, l.process_instance_key, NOT r.active AS has_left, away.since AS away_since,
           by_rep.number AS by_rep, by_rep.newest AS rep_since, by_territory.number AS by_territory,
           by_territory.newest AS territory_since, l.lead->>'product' AS product, l.routing->>'territory' AS territory
    FROM routing.leads l JOIN routing.reps r ON r.id = l.owner_id
    LEFT JOIN LATERAL (
        SELECT min(b.starts_at) AS since FROM routing.absences b
        WHERE b.rep_id = l.owner_id AND b.starts_at <= clock_timestamp() AND b.ends_at >= l.sla_due_at
          AND b.ends_at > clock_timestamp()
    ) AS away ON true
    LEFT JOIN by_rep ON by_rep.rep = l.owner_id AND by_rep.product = l.lead->>'product'
    LEFT JOIN by_territory ON by_territory.territory = l.routing->>'territory'
        AND by_territory.product = l.lead->>'product'
    WHERE l.state = 'assigned' AND l.process_instance_key IS NOT NULL AND l.assigned_at IS NOT NULL
      AND (NOT r.active OR away.since IS NOT NULL OR by_rep.rep IS NOT NULL OR by_territory.territory IS NOT NULL)
    ORDER BY l.assigned_at LIMIT %(most)s
"""
_OUTCOMES = """
    SELECT m.schema_name, m.version, count(*) AS rows, sum(l.converted::int)::float8 AS converted,
           sum(s.value)::float8 AS expected, sum(s.value * (1 - s.value))::float8 AS variance
    FROM routing.models m
    CROSS JOIN LATERAL (
        SELECT greatest(m.created_at, (SELECT max(t.at) FROM runtime.timeline t
                                       WHERE t.business_id = %(prefix)s || m.schema_name AND t.action = %(checked)s)) AS at
    ) AS looked
    JOIN routing.leads l ON l.converted IS NOT NULL AND l.outcome_at > looked.at AND l.score->>'model_version' = m.version
    CROSS JOIN LATERAL (SELECT (l.score->>'value')::float8 AS value) AS s
    WHERE m.active GROUP BY m.schema_name, m.version HAVING count(*) >= %(fewest)s
"""


async def of_owners(pool: Pool) -> list[Trouble]:
    """Leads with an owner who has left, who is away until after the answer is due, or who (or whose whole territory)
    refuses leads of that product.
    """
    given = {"window": WINDOW, "reasons": list(MISROUTED), "most": 1_000}
    async with pool.connection() as connection:
        rows = await (await connection.execute(_HELD, given)).fetchall()
    return [_held(row) for row in rows]


def _held(row: DictRow) -> Trouble:
    symptom: Symptom
    if row["has_left"]:
        symptom, since, value = "owner_left", datetime.now(UTC), 0
        message = "Its owner has left."
    elif row["away_since"] is not None:
        symptom, since, value = "owner_absent", row["away_since"], 0
        message = "Its owner is away until after the answer is due."
    elif row["by_rep"] is not None and row["by_rep"] >= (row["by_territory"] or 0):
        symptom, since, value = "refused_by_owner", row["rep_since"], row["by_rep"]
        message = f"Its owner refused {value} leads about {row['product']} within a week as not theirs, and took none."
    else:
        symptom, since, value = "refused_by_territory", row["territory_since"], row["by_territory"]
        message = (
            f"{value} people of {row['territory']} refused leads about {row['product']} as not theirs; nobody took one."
        )
    return Trouble(
        symptom,
        f"lead:{row['lead_id']}",
        max(since, row["assigned_at"]),
        HeldLead(row["lead_id"], row["owner_id"], row["assigned_at"], row["process_instance_key"]),
        row["lead_id"],
        "lead_routing",
        "accept_lead",
        message=message,
        value=value,
    )


async def of_scores(pool: Pool) -> list[Trouble]:
    """Scorers whose scores miss the outcomes that came since they were checked last.

    `value` is by how many standard errors as many leads converted as should not have: |Σy - Σp| / √Σp(1 - p), which is
    Spiegelhalter's test of calibration in the large (Statistics in Medicine 5, 1986) with weights of one.
    """
    given = {"prefix": scorer_id(""), "checked": CHECKED, "fewest": FEWEST_OUTCOMES}
    async with pool.connection() as connection:
        rows = await (await connection.execute(_OUTCOMES, given)).fetchall()
    return [_miss(row) for row in rows if row["variance"] > 0]


def _miss(row: DictRow) -> Trouble:
    value = abs(row["converted"] - row["expected"]) / sqrt(row["variance"])
    return Trouble(
        "scorer_misses",
        f"scorer:{row['schema_name']}:{row['version']}",
        datetime.now(UTC),
        ScorerMiss(row["schema_name"], row["version"]),
        scorer_id(row["schema_name"]),
        "scorer_upkeep",
        "check_drift",
        message=(
            f"Of the {row['rows']} leads decided since the last check {row['converted']:g} converted; the scores promised "
            f"{row['expected']:.0f}."
        ),
        value=value,
    )
