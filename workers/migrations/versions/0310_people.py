"""People whom a personnel system knows: what it said of them last, and the processes that begin when one leaves or joins."""

from alembic import op

revision = "0310"
down_revision = "0300"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA people;
    CREATE TABLE people.workers (
        system      text        NOT NULL,              -- workday
        employee_id text        NOT NULL,
        rep_id      text        REFERENCES routing.reps, -- NULL: sells nothing, a manager for instance
        facts       jsonb       NOT NULL,              -- what the system said last: only what differs from it is taken over
        left_on     date,                              -- the last day at work; NULL: is at work
        seen_at     timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (system, employee_id),
        UNIQUE (system, rep_id)
    );
    -- What is to be started because a rep left or joined. Noted with the change itself; asked for when nothing else of the
    -- organisation is under way.
    CREATE TABLE people.moves (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        rep_id       text        NOT NULL,
        kind         text        NOT NULL CHECK (kind IN ('left', 'joined')),
        what         text        NOT NULL CHECK (what IN ('territories', 'quotas')),
        organisation text        NOT NULL,
        noted_at     timestamptz NOT NULL DEFAULT now(),
        asked_id     text,                             -- of the alignment or review that was asked for
        asked_at     timestamptz,
        settled      text                              -- why nothing is asked for; NULL: something is, or was
    );
    CREATE INDEX moves_open ON people.moves (what, organisation) WHERE asked_id IS NULL AND settled IS NULL;
    CREATE INDEX moves_asked ON people.moves (organisation, asked_at) WHERE asked_id IS NOT NULL;

    ALTER TABLE routing.absences ADD COLUMN source text;   -- the system that says so; NULL: a person entered it
    ALTER TABLE quotas.persons ADD COLUMN away_source text; -- the same of away_from and away_until
    ALTER TABLE territories.reps ADD COLUMN left_on date;  -- who left is planned for only where that is what is planned
    """)


def downgrade() -> None:
    op.execute("""
    ALTER TABLE territories.reps DROP COLUMN left_on;
    ALTER TABLE quotas.persons DROP COLUMN away_source;
    ALTER TABLE routing.absences DROP COLUMN source;
    DROP SCHEMA people CASCADE;
    """)
