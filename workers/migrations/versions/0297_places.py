"""Which instances passed an element in a time: found without looking at all other elements."""

from alembic import op

revision = "0297"
down_revision = "0295"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX elements_place ON control.elements (process_key, element, started_at) INCLUDE (instance_key)"
    )


def downgrade() -> None:
    op.execute("DROP INDEX control.elements_place")
