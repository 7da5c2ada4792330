"""Predictions of the control room: how long open cases take, which will miss their due time, and who was told."""

from alembic import op

revision = "0250"
down_revision = "0240"


def upgrade() -> None:
    op.execute("""
    -- Who may do the task, as it was created: known from then on, while the assignee comes shortly before the end. NULL: read
    -- before this column was there (`fairlead readmodel rebuild` fills it).
    ALTER TABLE control.user_tasks ADD users text[];
    CREATE INDEX user_tasks_due ON control.user_tasks (created_at) WHERE due_at IS NOT NULL;

    -- Of each open task with a due time, made anew in each round of `fairlead readmodel predict run`.
    CREATE TABLE control.predictions (
        key          bigint PRIMARY KEY,         -- of the task
        instance_key bigint NOT NULL,
        predicted_at timestamptz NOT NULL,
        model        text,                       -- NULL: no model; at_risk is by the rule
        risk         double precision,           -- that its due time runs out, 0 to 1
        low          double precision,           -- seconds until the instance ends: in one of ten it ends sooner,
        middle       double precision,           -- as often sooner as later,
        high         double precision,           -- in one of ten later
        speaks_for   text[] NOT NULL DEFAULT '{}', -- the main reasons for a miss, in words
        speaks_against text[] NOT NULL DEFAULT '{}',
        at_risk      boolean NOT NULL,
        -- What the table of attention said of it last; NULL: it was never asked.
        level        text CHECK (level IN ('act', 'soon', 'watch', 'none')),
        tell         text,
        level_why    text,
        worth        double precision,
        level_at     timestamptz
    );
    CREATE INDEX predictions_instance ON control.predictions (instance_key);

    -- What can't be read again from the engine's records.
    CREATE SCHEMA prediction;
    CREATE TABLE prediction.models (
        version    text PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        fitted_until timestamptz NOT NULL,       -- it has seen nothing that began later
        artifact   bytea NOT NULL,
        figures    jsonb NOT NULL,               -- on the newest tasks, which it had not seen
        active     boolean NOT NULL DEFAULT false
    );
    CREATE UNIQUE INDEX models_active ON prediction.models (active) WHERE active;
    CREATE TABLE prediction.trainings (
        id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at      timestamptz NOT NULL DEFAULT clock_timestamp(),
        outcome text NOT NULL CHECK (outcome IN ('in use', 'not better', 'none is good enough', 'too few', 'failed')),
        why     text NOT NULL,
        version text                             -- of what was trained
    );
    CREATE TABLE prediction.state (              -- one row: how the last round went
        one          boolean PRIMARY KEY DEFAULT true CHECK (one),
        predicted_at timestamptz,
        model        text,
        problem      text,                       -- why the rule holds though there may be a model
        attended_at  timestamptz,                -- when the table of attention was asked last, and answered
        attention_problem text
    );
    INSERT INTO prediction.state DEFAULT VALUES;
    CREATE TABLE prediction.told (
        task_key bigint NOT NULL,
        level    text NOT NULL,
        told_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (task_key, level)
    );
    """)


def downgrade() -> None:
    op.execute(
        "DROP SCHEMA prediction CASCADE; DROP TABLE control.predictions; DROP INDEX control.user_tasks_due;"
        " ALTER TABLE control.user_tasks DROP users"
    )
