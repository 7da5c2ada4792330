"""The runtime's own tables: effects done once, outbox, dead letters, timeline, deployments, closed cases."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA runtime;

    -- One row for each effect that was done: business id + element + loop index make it unique (issue: once).
    CREATE TABLE runtime.effects (
        business_id          text        NOT NULL,
        element_id           text        NOT NULL,
        loop_index           text        NOT NULL DEFAULT '',
        task                 text        NOT NULL,
        result               jsonb,                       -- what the job is completed with
        recorded             jsonb,                       -- what an undo needs to undo exactly this
        done_at              timestamptz NOT NULL DEFAULT now(),
        undone_at            timestamptz,
        undone_by            text,
        process_instance_key bigint      NOT NULL,
        element_instance_key bigint      NOT NULL,
        job_key              bigint      NOT NULL,
        PRIMARY KEY (business_id, element_id, loop_index)
    );
    CREATE INDEX effects_done_at ON runtime.effects (done_at);

    -- A business case that was withdrawn takes no new effects (the fence against a job that commits too late).
    CREATE TABLE runtime.closed_cases (
        business_id text PRIMARY KEY,
        reason      text NOT NULL,
        closed_at   timestamptz NOT NULL DEFAULT now()
    );

    -- Effects on other systems, written in the effect's transaction and sent by a dispatcher.
    CREATE TABLE runtime.outbox (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        channel     text        NOT NULL,                 -- 'zeebe.message', 'crm.owner', 'mail'
        business_id text        NOT NULL,                 -- rows of one channel and business id are sent in order
        external_id text        NOT NULL,                 -- what the receiver recognises a repeat by
        payload     jsonb       NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        not_before  timestamptz NOT NULL DEFAULT now(),
        tries       int         NOT NULL DEFAULT 0,
        last_error  text,
        UNIQUE (channel, external_id)
    );
    CREATE INDEX outbox_order ON runtime.outbox (channel, business_id, id);
    CREATE INDEX outbox_due ON runtime.outbox (not_before, id);

    -- Rows that left the outbox: delivered ones (kept for audit and to refuse repeats) and poison.
    CREATE TABLE runtime.delivered (
        channel      text        NOT NULL,
        external_id  text        NOT NULL,
        business_id  text        NOT NULL,
        delivered_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (channel, external_id)
    );
    CREATE TABLE runtime.dead_letters (
        id          bigint PRIMARY KEY,                   -- the outbox row's id
        channel     text        NOT NULL,
        business_id text        NOT NULL,
        external_id text        NOT NULL,
        payload     jsonb       NOT NULL,
        created_at  timestamptz NOT NULL,
        tries       int         NOT NULL,
        reason      text        NOT NULL,
        died_at     timestamptz NOT NULL DEFAULT now()
    );

    -- What happened to a business case: who, what, why, by which rule and model.
    CREATE TABLE runtime.timeline (
        id                     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        business_id            text        NOT NULL,
        at                     timestamptz NOT NULL DEFAULT clock_timestamp(),
        actor                  text        NOT NULL,      -- 'system', a worker's task, or a person's log-in
        action                 text        NOT NULL,      -- 'scored', 'assigned', 'released', …
        why                    text        NOT NULL DEFAULT '',
        facts                  jsonb       NOT NULL DEFAULT '{}',
        element_id             text        NOT NULL DEFAULT '',
        element_instance_key   bigint      NOT NULL DEFAULT 0,
        process_instance_key   bigint      NOT NULL DEFAULT 0,
        process_definition_key bigint      NOT NULL DEFAULT 0
    );
    -- A redelivered job that may run again (idempotent tasks) says the same thing once.
    CREATE UNIQUE INDEX timeline_once ON runtime.timeline (business_id, element_instance_key, action)
        WHERE element_instance_key <> 0;
    CREATE INDEX timeline_case ON runtime.timeline (business_id, id);

    -- Which versions of diagram, tables and forms belong together: one row for each deployment that changed something.
    CREATE TABLE runtime.deployments (
        deployment_key bigint PRIMARY KEY,
        digest         text        NOT NULL,
        resources      jsonb       NOT NULL,   -- [{kind, id, version, version_tag, key, file, sha256}]
        deployed_at    timestamptz NOT NULL DEFAULT now(),
        engine         text        NOT NULL
    );
    """)


def downgrade() -> None:
    op.execute("DROP SCHEMA runtime CASCADE")
