"""Versions of a process side by side: which share of new instances has which, and running instances that were moved."""

from alembic import op

revision = "0260"
down_revision = "0250"


def upgrade() -> None:
    op.execute("""
    -- At most one for each process; none: new instances have the newest version.
    CREATE TABLE runtime.version_splits (
        process        text PRIMARY KEY,
        stable_key     bigint      NOT NULL,        -- process definition key of the version that most have
        stable_version int         NOT NULL,
        drawing        text        NOT NULL,        -- the stable version's BPMN
        canary_key     bigint,                      -- of the newest version; NULL: it is not deployed yet
        canary_version int,
        share          float8      NOT NULL CHECK (share BETWEEN 0 AND 1), -- of new instances to the canary
        entries        text[]      NOT NULL,        -- the elements at which a new instance first waits for a worker
        kept           jsonb       NOT NULL,        -- what an instance keeps that goes to the stable version: for each
                                                    -- process definition key it may come from, or 'next', element ids
        since          timestamptz NOT NULL DEFAULT clock_timestamp(), -- there are these two
        set_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
        set_by         text        NOT NULL,
        why            text        NOT NULL CHECK (why <> '')
    );
    -- What became of each new instance while there was a split: asked once, whatever is changed afterwards.
    CREATE TABLE runtime.version_choices (
        process_instance_key bigint PRIMARY KEY,
        process     text        NOT NULL,
        business_id text        NOT NULL,
        canary      boolean     NOT NULL,
        process_key bigint      NOT NULL,           -- process definition key it is to have
        chosen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
        placed_at   timestamptz,                    -- since then it has it, or was refused
        refused     text                            -- why it kept the version that the engine started
    );
    CREATE INDEX version_choices_at ON runtime.version_choices (chosen_at);

    -- One row for each instance that a plan moves, written before the engine is asked.
    CREATE TABLE runtime.migration_steps (
        plan                 text        NOT NULL,  -- SHA-256 of what the plan says
        process_instance_key bigint      NOT NULL,
        asked_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
        outcome              text,                  -- moved, refused, ended, elsewhere; NULL: asked, answer unknown
        detail               text        NOT NULL DEFAULT '',
        settled_at           timestamptz,
        PRIMARY KEY (plan, process_instance_key)
    );
    """)


def downgrade() -> None:
    op.execute("DROP TABLE runtime.migration_steps, runtime.version_choices, runtime.version_splits;")
