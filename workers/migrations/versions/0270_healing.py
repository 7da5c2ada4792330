"""Self-healing: its switch, the troubles it looks after, and jobs that wait for their retry (of the read model)."""

from alembic import op

revision = "0270"
down_revision = "0260"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA healing;

    -- One row: whether anything is healed. Who switched it when and why, before, is in runtime.audit.
    CREATE TABLE healing.switch (
        one   boolean     PRIMARY KEY DEFAULT true CHECK (one),
        is_on boolean     NOT NULL,
        actor text        NOT NULL,
        why   text        NOT NULL,
        at    timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    INSERT INTO healing.switch (is_on, actor, why) VALUES (true, 'fairlead', 'As it comes.');

    -- One row for each trouble that was seen: what a rule says of it, and what was done. Whoever acts claims it first by
    -- counting `attempts` up from what was seen, so that two processes never act on the same sight of it.
    CREATE TABLE healing.cases (
        subject     text        NOT NULL,      -- what stays the same when it comes again: 'job:<key>', 'crm.lead:<id>', …
        symptom     text        NOT NULL,
        business_id text        NOT NULL DEFAULT '',
        process     text        NOT NULL DEFAULT '',
        task        text        NOT NULL DEFAULT '',
        message     text        NOT NULL DEFAULT '',
        since       timestamptz NOT NULL,      -- when the trouble began
        seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
        state       text        NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'limited', 'given_up', 'healed', 'gone')),
        rule        text        NOT NULL DEFAULT '',
        why         text        NOT NULL DEFAULT '',
        attempts    int         NOT NULL DEFAULT 0,
        last_at     timestamptz,               -- of the last attempt
        next_at     timestamptz NOT NULL DEFAULT clock_timestamp(), -- not judged again before
        ended_at    timestamptz,               -- seen no more: healed (something was done for it), or gone
        PRIMARY KEY (subject, symptom)
    );
    CREATE INDEX cases_open ON healing.cases (symptom) WHERE ended_at IS NULL;
    CREATE INDEX cases_ended ON healing.cases (ended_at) WHERE ended_at IS NOT NULL;

    -- Jobs that failed with a back-off, from the engine's records: whether they still wait for their next try, and until when.
    CREATE TABLE control.jobs (
        key          bigint PRIMARY KEY,
        element_key  bigint NOT NULL,
        instance_key bigint NOT NULL,
        process_key  bigint NOT NULL,
        process      text   NOT NULL,
        element      text   NOT NULL,
        job_type     text   NOT NULL,
        waits_until  timestamptz,              -- NULL: it does not wait any more
        position     bigint NOT NULL
    );
    CREATE INDEX jobs_waiting ON control.jobs (waits_until) WHERE waits_until IS NOT NULL;
    CREATE INDEX jobs_instance ON control.jobs (instance_key);

    -- Looked through in each round.
    CREATE INDEX timeline_rejected ON runtime.timeline (at) WHERE action = 'rejected';
    CREATE INDEX leads_outcome ON routing.leads (outcome_at) WHERE converted IS NOT NULL;
    """)


def downgrade() -> None:
    op.execute(
        "DROP INDEX routing.leads_outcome; DROP INDEX runtime.timeline_rejected; DROP TABLE control.jobs;"
        " DROP SCHEMA healing CASCADE"
    )
