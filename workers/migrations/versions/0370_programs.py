"""Which processes serve tasks and send, and what each says of itself."""

from alembic import op

revision = "0370"
down_revision = "0360"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE runtime.programs (
            id uuid PRIMARY KEY,
            role text NOT NULL,
            version text NOT NULL,
            host text NOT NULL,
            tasks text[] NOT NULL,
            running integer NOT NULL,
            breakers jsonb NOT NULL,
            started_at timestamptz NOT NULL,
            seen_at timestamptz NOT NULL
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE runtime.programs")
