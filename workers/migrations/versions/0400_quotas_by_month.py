"""Quotas by month: a CRM that is another system has one for each period of its forecasts."""

from alembic import op

revision = "0400"
down_revision = "0390"


def upgrade() -> None:
    op.execute("""
    -- First day of a month → cents; empty: of a plan or a version that was made before.
    ALTER TABLE quotas.cases ADD COLUMN months jsonb NOT NULL DEFAULT '{}';
    ALTER TABLE quotas.published ADD COLUMN months jsonb NOT NULL DEFAULT '{}';
    """)


def downgrade() -> None:
    op.execute("""
    ALTER TABLE quotas.published DROP COLUMN months;
    ALTER TABLE quotas.cases DROP COLUMN months;
    """)
