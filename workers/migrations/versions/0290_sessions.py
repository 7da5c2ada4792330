"""Sessions of people in the control room, so that signing out ends them and roles can be taken away."""

from alembic import op

revision = "0290"
down_revision = "0270"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE runtime.sessions (
        digest     bytea PRIMARY KEY,            -- SHA-256 of what the browser's cookie holds
        client_id  text        NOT NULL,         -- of the API token or of the person
        person     jsonb,                        -- access.Person as the provider said last; NULL: an API token's
        kept       text,                         -- the provider's tokens, encrypted with what only the cookie holds
        sign_in    bytea UNIQUE,                 -- SHA-256 of the provider's `state`: each opens one session
        opened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        checked_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- when the roles were asked for last
        ends_at    timestamptz NOT NULL
    );
    CREATE INDEX sessions_end ON runtime.sessions (ends_at);
    """)


def downgrade() -> None:
    op.execute("DROP TABLE runtime.sessions")
