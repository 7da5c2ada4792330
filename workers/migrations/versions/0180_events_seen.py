"""Events that came in from other systems, so that each has its effect once."""

from alembic import op

revision = "0180"
down_revision = "0170"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE runtime.events_seen (
        source   text NOT NULL,                  -- who sent it: hubspot, or a source of webhooks
        event_id text NOT NULL,                  -- the sender's id of the event
        seen_at  timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (source, event_id)
    );
    CREATE INDEX events_seen_at ON runtime.events_seen (seen_at);
    """)


def downgrade() -> None:
    op.execute("DROP TABLE runtime.events_seen")
