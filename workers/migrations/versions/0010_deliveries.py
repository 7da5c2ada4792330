"""Jobs in hand: how often each was delivered, and which of them nobody knows the end of; what expiry looks for."""

from alembic import op

revision = "0010"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
    -- A row is written before a job's task runs and taken out when the engine has confirmed its completion. So what is
    -- left tells of jobs whose worker died or never got an answer. Logged, but committed without waiting for the disk:
    -- the commit of the job's effect comes later and takes this row's with it.
    CREATE TABLE runtime.deliveries (
        job_key                bigint PRIMARY KEY,
        deliveries             int         NOT NULL DEFAULT 1,  -- since the job was last answered
        task                   text        NOT NULL,
        business_id            text        NOT NULL,
        element_id             text        NOT NULL,
        loop_index             text        NOT NULL,
        process_instance_key   bigint      NOT NULL,
        element_instance_key   bigint      NOT NULL,
        process_definition_key bigint      NOT NULL,
        taken_at               timestamptz NOT NULL DEFAULT clock_timestamp(),
        look_at                timestamptz NOT NULL,            -- by then the engine has given it to somebody else
        looks                  int         NOT NULL DEFAULT 0,
        gone_at                timestamptz                      -- the engine did not know the job when it was completed
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

    -- Set when a redelivery, answered from the stored result, was taken by the engine: then its twin's effect stands.
    ALTER TABLE runtime.effects ADD COLUMN completed_at timestamptz;

    CREATE INDEX delivered_at ON runtime.delivered USING brin (delivered_at);
    """)


def downgrade() -> None:
    op.execute("""
    DROP INDEX runtime.delivered_at;
    ALTER TABLE runtime.effects DROP COLUMN completed_at;
    DROP TABLE runtime.deliveries;
    """)
