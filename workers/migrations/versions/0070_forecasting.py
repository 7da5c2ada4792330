"""Forecasts: one immutable row a version, arrays and all."""

from alembic import op

revision = "0070"
down_revision = "0060"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA forecasting;
    -- Big arrays live here; a process variable carries the version.
    CREATE TABLE forecasting.runs (
        id      bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- the order in which versions were made
        version text        PRIMARY KEY,
        name    text        NOT NULL,                       -- what is forecast; versions of one name follow each other
        period  text        NOT NULL CHECK (period ~ '^[0-9]{4}-[0-9]{2}$'), -- last month of its history
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        card    jsonb       NOT NULL,
        content bytea       NOT NULL,                       -- zip of Parquet frames, see docs/adr/0010-forecasting.md
        sha256  text        NOT NULL
    );
    ALTER TABLE forecasting.runs ALTER content SET STORAGE EXTERNAL; -- Parquet is packed already
    CREATE INDEX runs_name ON forecasting.runs (name, id);

    -- A version that was published is what people decided on: it may go one day, it never changes.
    CREATE FUNCTION forecasting.keep_run() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'A stored forecast is not changed.';
    END $$;
    CREATE TRIGGER keep_run BEFORE UPDATE ON forecasting.runs
        FOR EACH ROW EXECUTE FUNCTION forecasting.keep_run();
    """)


def downgrade() -> None:
    op.execute("DROP SCHEMA forecasting CASCADE;")
