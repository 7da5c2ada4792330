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
    op.execute("DROP SCHEMA control CASCADE; DROP INDEX routing.leads_instance; DROP INDEX routing.leads_received")
