"""Quotas may be planned by published territories, as by a published forecast."""

from alembic import op

revision = "0170"
down_revision = "0160"


def upgrade() -> None:
    op.execute("""
    -- Whose published territories are planned by; NULL: the table's.
    ALTER TABLE quotas.organisations ADD territories_of text REFERENCES territories.organisations;
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE quotas.organisations DROP territories_of;")
