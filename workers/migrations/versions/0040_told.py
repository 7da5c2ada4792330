"""What operations were told of, so that each incident and dead letter is told once."""

from alembic import op

revision = "0040"
down_revision = "0030"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE runtime.told (
        subject text        PRIMARY KEY,                  -- as in runtime.audit: what stays the same over tries
        told_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX told_at ON runtime.told (told_at);
    """)


def downgrade() -> None:
    op.execute("DROP TABLE runtime.told")
