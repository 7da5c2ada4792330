"""Territory plans: one immutable row a version, frames and all."""

from alembic import op

revision = "0120"
down_revision = "0090"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA territories;
    -- A process variable carries the version; the frames live here.
    CREATE TABLE territories.plans (
        id      bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- the order in which versions were made
        version text        PRIMARY KEY,
        name    text        NOT NULL,                       -- what is planned; versions of one name are its scenarios
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        card    jsonb       NOT NULL,
        content bytea       NOT NULL,                       -- zip of Parquet frames, see docs/adr/0012-territories.md
        sha256  text        NOT NULL
    );
    ALTER TABLE territories.plans ALTER content SET STORAGE EXTERNAL; -- Parquet is packed already
    CREATE INDEX plans_name ON territories.plans (name, id);

    -- A version that was published is what people decided on: it may go one day, it never changes.
    CREATE FUNCTION territories.keep_plan() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'A stored plan is not changed.';
    END $$;
    CREATE TRIGGER keep_plan BEFORE UPDATE ON territories.plans
        FOR EACH ROW EXECUTE FUNCTION territories.keep_plan();
    """)


def downgrade() -> None:
    op.execute("DROP SCHEMA territories CASCADE;")
