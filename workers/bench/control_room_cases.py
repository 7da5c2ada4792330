"""Leads of thirty days for the control room's benchmark, written into the tables at once.

Twenty-five elements an instance, as a routed lead has; three in a hundred still wait for their owner and are predicted, one in a
hundred has had an incident; every fifth is of the version before. Of those that ended, one in ten repeated something, one in a
hundred deviates, and 300 paths share them, few of which are usual. Fed from the engine's log the tables would hold the same (`DAYS`
is compared in tests/unit/control_room).
"""

from __future__ import annotations

import psycopg
from psycopg.types.json import Jsonb

from workers.control_room.projection import names_of

ELEMENTS = (
    "register_lead", "match_account", "fetch_company", "score_lead", "lead_routing_decision", "assign_owner",
    "write_owner", "notify_owner", "confirm_acceptance",
)  # fmt: skip
"""Served by workers, or decided; what else an instance passes are gateways and events."""
PASSED = 15
TEAMS, REPS = 8, 40
VARIANTS = 300

_SALES = f"""
    INSERT INTO routing.territories SELECT 'team-' || i, 'Team ' || i, 'UTC', 'DE', 'M', 'm@example.com'
    FROM generate_series(1, {TEAMS}) AS i;
    INSERT INTO routing.reps SELECT 'rep-' || i, 'Rep ' || i, 'r@example.com', 'rep-' || i,
        ARRAY['team-' || 1 + i % {TEAMS}], 'UTC', 'DE', '{{}}', '{{en}}', '{{}}', 1.0, 20, 12 FROM generate_series(1, {REPS}) AS i
"""  # noqa: S608 - of our own constants only
_INSTANCES = """
    INSERT INTO control.instances (key, process_key, process, version, started_at, ended_at, completed, human_seconds, position,
        settled)
    SELECT i, version, 'lead_routing', version, at, ended, CASE WHEN ended IS NOT NULL THEN true END,
           coalesce(extract(epoch FROM ended - at) - 6, 0), i, true
    FROM (SELECT i, at, 2 - (i %% 5 = 0)::int AS version, CASE WHEN random() < %(over)s THEN at + make_interval(secs => 10 + random() * 4000) END AS ended
          FROM (SELECT i, clock_timestamp() - interval '30 days' * (1 - i::float8 / %(instances)s) AS at
                FROM generate_series(1, %(instances)s) AS i) AS begun) AS cases
"""
_STEPS = """
    INSERT INTO control.elements (key, instance_key, process_key, element, kind, scope_key, started_at, ended_at, completed,
        position)
    SELECT i.key * 32 + e, i.key, i.process_key, coalesce((%(elements)s::text[])[e], 'passed_' || e),
           CASE WHEN e <= cardinality(%(elements)s::text[]) THEN 'SERVICE_TASK' ELSE 'EXCLUSIVE_GATEWAY' END, i.key,
           i.started_at + make_interval(secs => 0.2 * e),
           i.started_at + make_interval(secs => 0.2 * e + CASE WHEN e <= cardinality(%(elements)s::text[])
                                                               THEN random() * random() ELSE 0 END), true, i.key
    FROM control.instances i, generate_series(1, cardinality(%(elements)s::text[]) + %(passed)s) AS e
    UNION ALL
    SELECT key * 32, key, process_key, 'accept_lead', 'USER_TASK', key, started_at + interval '5 s', ended_at, completed, key
    FROM control.instances
"""
_TASKS = """
    INSERT INTO control.user_tasks (key, element_key, instance_key, process_key, process, element, groups, due_at, created_at,
        ended_at, completed, position)
    SELECT key, key * 32, key, process_key, 'lead_routing', 'accept_lead', '{reps}', started_at + interval '1 h',
           started_at + interval '5 s', ended_at, completed, key FROM control.instances
"""
_PREDICTED = """
    INSERT INTO control.predictions (key, instance_key, predicted_at, model, risk, low, middle, high, speaks_for, at_risk, level,
        tell, level_why, worth, level_at)
    SELECT key, instance_key, clock_timestamp() + interval '1 h', 'bench', risk, 600, 2400, 9000,
           '{whoever has it has 7 open tasks,62 % of its time are gone}', risk >= 0.5,
           CASE WHEN risk >= 0.6 THEN 'act' WHEN risk >= 0.3 THEN 'soon' ELSE 'none' END, 'person', 'It may run over.', 1 + key % 5,
           clock_timestamp()
    FROM control.user_tasks, LATERAL (SELECT random() + 0 * key AS risk) AS drawn WHERE ended_at IS NULL
"""
_TROUBLES = """
    INSERT INTO control.incidents (key, element_key, instance_key, process_key, process, element, job_key, kind, message,
        raised_at, resolved_at, position)
    SELECT key, key * 32 + 7, key, process_key, 'lead_routing', 'write_owner', key, 'JOB_NO_RETRIES', 'The CRM is away.', started_at,
           CASE WHEN key %% 1000 > 0 OR %(over)s > 1 THEN started_at + interval '5 min' END, key
    FROM control.instances WHERE key %% 100 = 0 AND key <= %(instances)s
"""
_LEADS = f"""
    INSERT INTO routing.leads (lead_id, source, raw, lead, state, received_at, routing, owner_id, assigned_at,
        first_assigned_at, accepted_at, sla_due_at, sla_breaches, process_instance_key)
    SELECT 'lead-' || key, 'web_form', lead, lead, CASE WHEN completed THEN 'accepted' ELSE 'assigned' END, started_at,
           jsonb_build_object('territory', 'team-' || 1 + key % {TEAMS}), 'rep-' || 1 + key % {REPS},
           started_at + interval '5 s', started_at + interval '5 s', ended_at,
           CASE WHEN completed THEN NULL ELSE started_at + interval '1 h' END,
           coalesce((ended_at > started_at + interval '1 h')::int, 0), key
    FROM control.instances, LATERAL (SELECT jsonb_build_object(
        'name', 'Person ' || key, 'company', 'Company ' || key, 'email', key || '@example.com', 'country', 'DE',
        'message', repeat('Please call me about your offer. ', 8)) AS lead) AS given
"""  # noqa: S608 - of our own constants only
_GIVEN = """
    INSERT INTO routing.assignments (lead_id, round, rep_id, pool, local_day, assigned_at, why, accepted_at, closed_at)
    SELECT lead_id, 0, owner_id, routing->>'territory', assigned_at::date, assigned_at, 'a fair turn', accepted_at, accepted_at
    FROM routing.leads
"""
_TIMELINE = """
    INSERT INTO runtime.timeline (business_id, at, actor, action, why, element_id, element_instance_key, process_instance_key)
    SELECT 'lead-' || key, started_at + make_interval(secs => e), 'worker', 'step_' || e, 'It was its turn.', 'step_' || e,
           key * 32 + e, key
    FROM control.instances, generate_series(1, 5) AS e
"""
_PATHS = f"""
    INSERT INTO control.variants
    SELECT v, %(elements)s::text[] || array_fill('accept_lead'::text, ARRAY[1 + v %% 7]) || ('step_' || v)
    FROM generate_series(0, {VARIANTS - 1}) AS v;
"""  # noqa: S608 - of our own constants only
_MINED = f"""
    INSERT INTO control.paths
    SELECT key, process_key, started_at, floor({VARIANTS} * random() ^ 4), took,
           control.class_of(took), completed, ended_at > started_at + interval '1 h', key % 10 = 1, key % 100 = 1
    FROM control.instances, LATERAL (SELECT control.milliseconds(started_at, ended_at) AS took) AS lasted
    WHERE ended_at IS NOT NULL;
    INSERT INTO control.reworks
    SELECT key, process_key, started_at, element, 1 + key % 3, 60000
    FROM control.paths, unnest(ARRAY['assign_owner', 'accept_lead', 'notify_owner']) AS element WHERE repeats;
    INSERT INTO control.deviations
    SELECT key, process_key, started_at, kind, 'accept_lead', 1 FROM control.paths, unnest(ARRAY['modified', 'unknown']) AS kind
    WHERE deviates
"""  # noqa: S608 - see above
DAYS = """
    INSERT INTO control.element_days
    SELECT process_key, (started_at AT TIME ZONE 'UTC')::date, element, kind, control.class_of(took), count(*), count(*) FILTER (WHERE completed IS FALSE),
           coalesce(sum(took), 0)
    FROM control.elements, LATERAL (SELECT control.milliseconds(started_at, ended_at) AS took) AS lasted
    GROUP BY 1, 2, 3, 4, 5
"""
"""The counts by day, made from the elements."""


def fill(connection: psycopg.Connection, instances: int, diagram: str, *, over: bool = False) -> int:
    """Put so many instances of lead_routing into a database without any, the newest now; how many elements they have.

    `over`: all have ended and no incident is open, so that nothing that runs on the database finds work in them.
    """
    given = {"instances": instances, "elements": list(ELEMENTS), "passed": PASSED, "over": 2.0 if over else 0.97}
    connection.execute(
        "INSERT INTO control.processes (key, process, version, version_tag, deployed_at, diagram, names, position)"
        " SELECT v, 'lead_routing', v, v || '.0.0', clock_timestamp() - interval '31 days', %s, %s, v"
        " FROM generate_series(1, 2) AS v",
        (diagram, Jsonb(names_of(diagram))),
    )
    connection.execute(_SALES.encode())
    for statement in (
        _INSTANCES, _STEPS, _TASKS, _PREDICTED, _TROUBLES, _LEADS, _GIVEN, _TIMELINE, _PATHS, _MINED, DAYS,
    ):  # fmt: skip
        connection.execute(statement.encode(), given if "%(" in statement else None)
    connection.execute("VACUUM ANALYZE")
    row = connection.execute("SELECT count(*) FROM control.elements").fetchone()
    assert row is not None
    return int(row[0])
