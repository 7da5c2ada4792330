"""The control room's read model: what the engine's own records tell, laid out for questions."""

from alembic import op

revision = "0160"
down_revision = "0150"


def upgrade() -> None:
    op.execute("""
    -- Nothing here is a source: all of it can be dropped and read again (`fairlead readmodel rebuild`).
    CREATE SCHEMA control;
    -- How far each kind of record was read. A page of records and its cursor are written in one transaction.
    CREATE TABLE control.cursors (
        value_type text        NOT NULL,
        partition  int         NOT NULL,
        sequence   bigint      NOT NULL,         -- the exporter's own numbering, without holes
        record_at  timestamptz,                  -- of the newest record read
        read_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (value_type, partition)
    );
    CREATE TABLE control.processes (
        key         bigint PRIMARY KEY,          -- process definition key
        process     text        NOT NULL,
        version     int         NOT NULL,
        version_tag text        NOT NULL DEFAULT '',
        deployed_at timestamptz NOT NULL,
        diagram     text        NOT NULL,        -- BPMN 2.0 XML as deployed
        names       jsonb       NOT NULL DEFAULT '{}', -- of its elements, by id
        position    bigint      NOT NULL
    );
    CREATE TABLE control.instances (
        key           bigint PRIMARY KEY,
        process_key   bigint NOT NULL,
        process       text   NOT NULL,
        version       int    NOT NULL,
        parent_key    bigint,
        started_at    timestamptz,
        ended_at      timestamptz,
        completed     boolean,                   -- false: ended by force; NULL: runs
        human_seconds double precision NOT NULL DEFAULT 0, -- time with at least one user task that has ended
        position      bigint NOT NULL            -- of the newest record in this row: an older one changes nothing
    );
    CREATE INDEX instances_started ON control.instances (process_key, started_at);
    CREATE INDEX instances_ended ON control.instances (ended_at);
    CREATE INDEX instances_open ON control.instances (process_key) WHERE ended_at IS NULL;
    CREATE TABLE control.elements (
        key          bigint PRIMARY KEY,
        instance_key bigint NOT NULL,
        process_key  bigint NOT NULL,
        element      text   NOT NULL,
        kind         text   NOT NULL,            -- SERVICE_TASK, USER_TASK, …, as Zeebe names them
        scope_key    bigint NOT NULL,
        started_at   timestamptz,
        ended_at     timestamptz,
        completed    boolean,
        position     bigint NOT NULL
    );
    CREATE INDEX elements_instance ON control.elements (instance_key, started_at);
    CREATE INDEX elements_time ON control.elements (process_key, started_at) INCLUDE (element, ended_at, completed);
    CREATE INDEX elements_open ON control.elements (process_key, element) WHERE ended_at IS NULL;
    -- Elements counted, because figures of a month ask for millions: by the day on which they began (UTC) and by class of
    -- duration. Classes grow by 4 %, so that a percentile is at most 2 % off.
    CREATE TABLE control.element_days (
        process_key  bigint   NOT NULL,
        day          date     NOT NULL,
        element      text     NOT NULL,
        kind         text     NOT NULL,
        class        smallint NOT NULL,          -- -1: runs, 0: less than a millisecond, n: up to 1.04^n ms
        number       bigint   NOT NULL,
        forced       bigint   NOT NULL,          -- of them, those ended by force
        milliseconds bigint   NOT NULL,          -- all together
        PRIMARY KEY (process_key, day, element, kind, class)
    );
    CREATE FUNCTION control.milliseconds(began timestamptz, ended timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
        AS $$ SELECT round(extract(epoch FROM ended - began) * 1000)::bigint $$;
    CREATE FUNCTION control.class_of(milliseconds bigint) RETURNS smallint LANGUAGE sql IMMUTABLE
        AS $$ SELECT CASE WHEN milliseconds IS NULL THEN -1 WHEN milliseconds < 1 THEN 0
                          ELSE 1 + floor(ln(milliseconds::float8) / ln(1.04::float8)) END::smallint $$;
    CREATE FUNCTION control.seconds_of(class smallint) RETURNS float8 LANGUAGE sql IMMUTABLE
        AS $$ SELECT CASE WHEN class < 1 THEN 0 ELSE 1.04::float8 ^ (class - 0.5) / 1000 END $$;
    CREATE TABLE control.user_tasks (
        key          bigint PRIMARY KEY,
        element_key  bigint NOT NULL,
        instance_key bigint NOT NULL,
        process_key  bigint NOT NULL,
        process      text   NOT NULL,
        element      text   NOT NULL,
        assignee     text   NOT NULL DEFAULT '',
        groups       text[] NOT NULL DEFAULT '{}',
        due_at       timestamptz,
        created_at   timestamptz,
        ended_at     timestamptz,
        completed    boolean,
        position     bigint NOT NULL
    );
    CREATE INDEX user_tasks_instance ON control.user_tasks (instance_key);
    CREATE INDEX user_tasks_open ON control.user_tasks (created_at) WHERE ended_at IS NULL;
    CREATE INDEX user_tasks_decided ON control.user_tasks (instance_key) WHERE element <> 'accept_lead';
    CREATE TABLE control.incidents (
        key          bigint PRIMARY KEY,
        element_key  bigint NOT NULL,
        instance_key bigint NOT NULL,
        process_key  bigint NOT NULL,
        process      text   NOT NULL,
        element      text   NOT NULL,
        job_key      bigint,
        kind         text   NOT NULL,            -- Zeebe's error type
        message      text   NOT NULL,
        raised_at    timestamptz,
        resolved_at  timestamptz,
        position     bigint NOT NULL
    );
    CREATE INDEX incidents_place ON control.incidents (process_key, element);
    CREATE INDEX incidents_instance ON control.incidents (instance_key);
    CREATE INDEX incidents_raised ON control.incidents (raised_at);

    -- Leads are looked at by time, and found from their instance.
    CREATE INDEX leads_received ON routing.leads (received_at);
    CREATE INDEX leads_instance ON routing.leads (process_instance_key) WHERE process_instance_key IS NOT NULL;
    CREATE INDEX assignments_released ON routing.assignments (lead_id) WHERE released_at IS NOT NULL;
    -- Any case is found from its instance.
    CREATE INDEX timeline_instance ON runtime.timeline (process_instance_key, id) WHERE process_instance_key <> 0;
    CREATE FUNCTION control.case_of(instance bigint) RETURNS text LANGUAGE sql STABLE
        AS $$ SELECT business_id FROM runtime.timeline
              WHERE process_instance_key = instance AND process_instance_key <> 0 ORDER BY id LIMIT 1 $$;

    -- Speed to lead, defined once: from the gateway's receipt until somebody has accepted the lead. People's part is the
    -- time with an open task; it is unknown (NULL) until the read model has the instance.
    CREATE VIEW control.lead_speed AS
    SELECT l.lead_id, l.process_instance_key AS instance_key, l.routing->>'territory' AS team, l.state, l.received_at,
           l.first_assigned_at, l.accepted_at, l.owner_id, l.assigned_at, l.sla_due_at, l.sla_breaches, total.seconds,
           human.seconds AS human_seconds, total.seconds - human.seconds AS system_seconds
    FROM routing.leads l
    CROSS JOIN LATERAL (SELECT extract(epoch FROM l.accepted_at - l.received_at)::float8 AS seconds) AS total
    LEFT JOIN control.instances i ON i.key = l.process_instance_key
    CROSS JOIN LATERAL (
        SELECT CASE WHEN i.key IS NOT NULL AND total.seconds IS NOT NULL THEN least(i.human_seconds, total.seconds) END
               AS seconds
    ) AS human;
    """)


def downgrade() -> None:
    op.execute(
        "DROP SCHEMA control CASCADE; DROP INDEX runtime.timeline_instance; DROP INDEX routing.leads_instance;"
        " DROP INDEX routing.assignments_released;"
        " DROP INDEX routing.leads_received"
    )
