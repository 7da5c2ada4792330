"""How far other systems were read that don't tell of their changes by themselves."""

from alembic import op

revision = "0200"
down_revision = "0180"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE runtime.polled (
        source     text PRIMARY KEY,     -- the system and the account there: salesforce:00D…
        since      timestamptz NOT NULL, -- since when it is read: what was made before is left alone
        seen_until timestamptz NOT NULL, -- by the system's own stamps: what changed before has been seen
        not_before timestamptz NOT NULL  -- of several dispatchers one looks, and no sooner than then
    );
    """)


def downgrade() -> None:
    op.execute("DROP TABLE runtime.polled")
