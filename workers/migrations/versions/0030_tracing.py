"""Where a row or an effect came from, as a W3C `traceparent`; null where nothing is traced."""

from alembic import op

revision = "0030"
down_revision = "0020"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE runtime.outbox ADD COLUMN traceparent text;
    ALTER TABLE runtime.dead_letters ADD COLUMN traceparent text;
    ALTER TABLE runtime.effects ADD COLUMN traceparent text;  -- what repeats and undoes it is linked to
    """)


def downgrade() -> None:
    op.execute("""
    ALTER TABLE runtime.effects DROP COLUMN traceparent;
    ALTER TABLE runtime.dead_letters DROP COLUMN traceparent;
    ALTER TABLE runtime.outbox DROP COLUMN traceparent;
    """)
