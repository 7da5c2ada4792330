"""What was written into records of another system, and what stood there before, so that it can be taken back exactly; and how
opportunities ended there.
"""

from alembic import op

revision = "0340"
down_revision = "0330"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE sync.changes (
        id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        change_id  text        NOT NULL UNIQUE,      -- as the process knows it that publishes
        system     text        NOT NULL,             -- hubspot | salesforce
        what       text        NOT NULL,             -- what is written there: owners, quotas, a ranking
        scope      text        NOT NULL,             -- within which one version replaces another: the organisation
        version    text,                             -- NULL: it was taken back before it came
        state      text        NOT NULL CHECK (state IN ('looking', 'writing', 'delivered', 'refused', 'undone')),
        settled    boolean     NOT NULL DEFAULT false, -- nothing is left to be written for it
        why        text        NOT NULL DEFAULT '',
        began_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
        settled_at timestamptz
    );
    CREATE INDEX changes_in_use ON sync.changes (system, what, scope, id DESC);
    CREATE TABLE sync.change_entries (
        change_id text  NOT NULL REFERENCES sync.changes (change_id) ON DELETE CASCADE,
        subject   text  NOT NULL,                    -- what we call the record
        record_id text  NOT NULL,                    -- what it is called there
        parent    text  NOT NULL DEFAULT '',         -- the record that is locked with it there
        old       jsonb NOT NULL,                    -- field → what stood there when we looked
        new       jsonb NOT NULL,
        state     text  NOT NULL CHECK (state IN (
                      'same',                        -- it says so already, not by us
                      'planned',
                      'sent',                        -- on its way, or arrived: an answer was not noted
                      'written',
                      'restored',                    -- old stands there again
                      'left',                        -- somebody changed it since, or it is gone
                      'passed')),                    -- a later change gives back what stood there before ours
        PRIMARY KEY (change_id, subject)
    );
    CREATE INDEX change_entries_record ON sync.change_entries (record_id);
    -- How opportunities of another CRM ended: what a win model learns from, with the facts in selling.ranked.
    CREATE TABLE selling.outcomes (
        system         text        NOT NULL,
        opportunity_id text        NOT NULL,
        closed_at      timestamptz NOT NULL,
        won            boolean     NOT NULL,
        PRIMARY KEY (system, opportunity_id)
    );
    CREATE INDEX ranked_opportunity ON selling.ranked (opportunity_id);
    """)


def downgrade() -> None:
    op.execute("""
    DROP INDEX selling.ranked_opportunity;
    DROP TABLE selling.outcomes, sync.change_entries, sync.changes;
    """)
