"""What process mining asks of instances that have ended: their paths, what was repeated, what their diagram does not allow."""

from alembic import op

revision = "0240"
down_revision = "0230"


def upgrade() -> None:
    op.execute("""
    -- Operators' changes of running instances, as the engine recorded them.
    CREATE TABLE control.modifications (
        key          bigint PRIMARY KEY,
        instance_key bigint NOT NULL,
        elements     text[] NOT NULL,            -- begun by it
        at           timestamptz,
        position     bigint NOT NULL
    );
    CREATE INDEX modifications_instance ON control.modifications (instance_key);
    -- What follows is made of the tables above, for each instance that has ended, and again when something of it is read later.
    ALTER TABLE control.instances ADD settled boolean NOT NULL DEFAULT false;
    CREATE INDEX instances_unsettled ON control.instances (key) WHERE NOT settled AND ended_at IS NOT NULL;
    CREATE TABLE control.variants (
        key        bigint PRIMARY KEY,           -- from a digest of what it is
        activities text[] NOT NULL               -- element ids, in the order in which they began
    );
    CREATE TABLE control.paths (
        key          bigint PRIMARY KEY,         -- of the instance
        process_key  bigint      NOT NULL,
        started_at   timestamptz NOT NULL,
        variant      bigint      NOT NULL,
        milliseconds bigint      NOT NULL,
        class        smallint    NOT NULL,       -- of the duration, as in control.element_days
        completed    boolean     NOT NULL,       -- false: ended by force
        late         boolean,                    -- a task of a person ran over its due time; NULL: none had one
        repeats      boolean     NOT NULL,       -- has rows in control.reworks
        deviates     boolean     NOT NULL        -- has rows in control.deviations
    );
    CREATE INDEX paths_time ON control.paths (process_key, started_at)
        INCLUDE (variant, milliseconds, class, completed, late, repeats, deviates);
    CREATE TABLE control.reworks (
        instance_key bigint      NOT NULL,
        process_key  bigint      NOT NULL,
        started_at   timestamptz NOT NULL,       -- of the instance
        element      text        NOT NULL,
        again        int         NOT NULL,       -- times after the first, in one scope
        milliseconds bigint      NOT NULL,       -- that these took
        PRIMARY KEY (instance_key, element)
    );
    CREATE INDEX reworks_time ON control.reworks (process_key, started_at) INCLUDE (element, again, milliseconds);
    CREATE TABLE control.deviations (
        instance_key bigint      NOT NULL,
        process_key  bigint      NOT NULL,
        started_at   timestamptz NOT NULL,       -- of the instance
        kind         text        NOT NULL,       -- see workers/control_room/settling.py
        element      text        NOT NULL,       -- '': the instance as a whole
        times        int         NOT NULL,
        PRIMARY KEY (instance_key, kind, element)
    );
    CREATE INDEX deviations_time ON control.deviations (process_key, started_at) INCLUDE (kind, element, times);
    CREATE FUNCTION control.is_late(due timestamptz, ended timestamptz) RETURNS boolean LANGUAGE sql STABLE
        AS $$ SELECT coalesce(ended, statement_timestamp()) >= due $$;
    CREATE INDEX user_tasks_time ON control.user_tasks (process_key, created_at) INCLUDE (element, due_at, ended_at);
    """)


def downgrade() -> None:
    op.execute(
        "DROP INDEX control.user_tasks_time; DROP FUNCTION control.is_late; DROP TABLE control.deviations;"
        " DROP TABLE control.reworks; DROP TABLE control.paths; DROP TABLE control.variants;"
        " DROP INDEX control.instances_unsettled; ALTER TABLE control.instances DROP settled;"
        " DROP TABLE control.modifications"
    )
