"""How far the events of other systems were taken, and whether some were missed."""

from alembic import op

revision = "0330"
down_revision = "0320"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE sync.streams (
        stream    text        PRIMARY KEY, -- the account and the topic there: salesforce:00D…/data/LeadChangeEvent
        system    text        NOT NULL,
        replay_id bytea,                   -- after which event to go on, as the system gave it; NULL: with what comes
        noted_at  timestamptz NOT NULL DEFAULT now(),
        missed_at timestamptz,             -- when it was last found that events are missing: everything is compared since
        missed    text                     -- why
    );
    """)


def downgrade() -> None:
    op.execute("DROP TABLE sync.streams")
