"""The read model knows which people a user task may be done by, not their groups alone."""

from alembic import op

revision = "0280"
down_revision = "0230"


def upgrade() -> None:
    op.execute("""
    -- Candidate users as the diagram gave them. Tasks that were read before have none until the read model is built anew.
    ALTER TABLE control.user_tasks ADD users text[] NOT NULL DEFAULT '{}';
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE control.user_tasks DROP users;")
