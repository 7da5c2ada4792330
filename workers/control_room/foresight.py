"""What the pages show of predictions: what needs attention, how good the model is, and what holds if there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict

from workers.control_room.reading import read_rows
from workers.control_room.today import FRESH, LISTED

FIRST = 6
"""Cases that the page Today lists."""
LEVELS = ("act", "soon", "watch", "none")
"""Of attention, the most urgent first, as the table dmn/attention_rules.dmn answers them."""


class Warned(BaseModel):
    """A warning as people live with it: each task counts once, with its first one."""

    model_config = ConfigDict(frozen=True)

    caught: float
    """Of the tasks that ran over, the share that was warned of."""
    right: float
    """Of the tasks that were warned of, the share that ran over."""
    ahead: float
    """Of those that were caught: seconds from warning to due time, median."""
    early: float
    """Of the tasks that ran over, the share that was warned of while half of the time was left."""


class Bin(BaseModel):
    """Moments with about the same risk: what was said, and what came."""

    model_config = ConfigDict(frozen=True)

    moments: int
    predicted: float
    observed: float


class Sides(BaseModel):
    """One figure of the model, and of what it is held against."""

    model_config = ConfigDict(frozen=True)

    model: float
    shares: float
    """The rule as a probability: how often it was right before."""
    rule: float
    """The rule as yes or no."""
    base: float
    """The same for all: how many ran over before."""


class Figures(BaseModel):
    """How good a model is on tasks that are newer than all it has seen."""

    model_config = ConfigDict(frozen=True)

    tasks: int
    moments: int
    since: datetime
    until: datetime
    late: float
    """Share of the tasks that ran over."""
    brier: Sides
    """Mean of (risk - outcome)²: less is better (Brier 1950)."""
    ece: Sides
    """Mean distance of what was said from what came, over ten bins of equal size."""
    auc: float
    """Chance that of two moments the one with the late end has the higher risk; 0.5: knows nothing."""
    bins: tuple[Bin, ...]
    timed: int
    """Moments whose remaining time is known."""
    pinball: float | None
    """Mean quantile loss of the three remaining times, in seconds; less is better."""
    usual: float | None
    """The same of what is usual at the step."""
    coverage: float | None
    """Share of the remaining times within their interval, which says 80 %."""
    at_risk_from: float
    warned: Warned
    warned_by_rule: Warned


@dataclass(frozen=True, slots=True)
class Foresight:
    """What holds now."""

    model: str | None
    """In use; None: the rule."""
    predicted_at: datetime | None
    fresh: bool
    problem: str | None
    """Why the rule holds, in words."""
    attended_at: datetime | None
    attention_problem: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """The model in use, and the trainings of late."""

    version: str | None
    created_at: datetime | None
    fitted_until: datetime | None
    figures: Figures | None
    trainings: tuple[DictRow, ...]


_STATE = """
    SELECT s.*, coalesce(s.predicted_at > clock_timestamp() - %(fresh)s, false) AS fresh,
           (SELECT t.outcome || ': ' || t.why FROM prediction.trainings t ORDER BY t.id DESC LIMIT 1) AS training
    FROM prediction.state s
"""
_MODEL = "SELECT version, created_at, fitted_until, figures FROM prediction.models WHERE active"
_TRAININGS = "SELECT at, outcome, why, version FROM prediction.trainings ORDER BY id DESC LIMIT 10"
# The riskiest and most valuable first; within a level by what is at stake: risk times worth. Those that are shown are chosen
# first, as what is said of each costs more than choosing it.
_ORDER = """array_position(ARRAY['act', 'soon', 'watch', 'none'], p.level),
    coalesce(p.risk, 0) * coalesce(p.worth, 1) DESC, t.due_at, p.key"""
_CASES = f"""
    WITH chosen AS MATERIALIZED (
        SELECT p.key, count(*) OVER () AS total, l.lead_id
        FROM control.predictions p JOIN control.user_tasks t ON t.key = p.key AND t.ended_at IS NULL
        LEFT JOIN routing.leads l ON l.process_instance_key = p.instance_key
        WHERE (%(team)s::text IS NULL OR l.territory = %(team)s)
          AND (%(level)s::text IS NULL OR p.level = %(level)s) AND (%(all)s OR p.level <> 'none')
          AND p.predicted_at > clock_timestamp() - %(fresh)s
        ORDER BY {_ORDER} LIMIT %(most)s
    )
    SELECT p.*, t.process, t.element, t.due_at, t.groups, t.users, t.assignee, d.names->>t.element AS called,
           control.case_of(p.instance_key) AS case_id, l.territory AS team,
           coalesce(l.lead->>'name', l.raw->>'name') AS name, coalesce(l.lead->>'company', l.raw->>'company') AS company,
           r.name AS owner, c.total
    FROM chosen c JOIN control.predictions p USING (key) JOIN control.user_tasks t USING (key)
    LEFT JOIN control.processes d ON d.key = t.process_key
    LEFT JOIN routing.leads l USING (lead_id)
    LEFT JOIN routing.reps r ON r.id = l.owner_id
    ORDER BY {_ORDER}
"""  # noqa: S608 - of our own constants only


async def state(connection: AsyncConnection[DictRow]) -> Foresight:
    """Which model is in use, and since when nothing new was predicted."""
    (row,) = await read_rows(connection, _STATE, {"fresh": FRESH})
    problem = row["problem"]
    if row["predicted_at"] is None:
        problem = "the predictor (fairlead readmodel predict run) has not predicted anything yet"
    elif not row["fresh"]:
        problem = "the predictor (fairlead readmodel predict run) does not predict any more"
    elif row["model"] is None and problem is None:
        problem = row["training"] or "no model was trained yet"
    in_use = row["model"] if row["fresh"] else None
    return Foresight(
        in_use,
        row["predicted_at"],
        row["fresh"],
        None if in_use else problem,
        row["attended_at"],
        row["attention_problem"],
    )


async def attention(
    connection: AsyncConnection[DictRow],
    team: str | None = None,
    *,
    level: str | None = None,
    everything: bool = False,
    most: int = LISTED,
) -> list[DictRow]:
    """Open cases by attention, the most urgent first; `everything`: those of level none too. Each knows their `total`."""
    given = {"team": team, "level": level, "all": everything, "fresh": FRESH, "most": most}
    return await read_rows(connection, _CASES, given)


async def card(connection: AsyncConnection[DictRow]) -> Card:
    """The model in use with its error, and what became of the last trainings."""
    found = await read_rows(connection, _MODEL, {})
    trainings = tuple(await read_rows(connection, _TRAININGS, {}))
    if not found:
        return Card(None, None, None, None, trainings)
    (row,) = found
    figures = Figures.model_validate(row["figures"])
    return Card(row["version"], row["created_at"], row["fitted_until"], figures, trainings)
