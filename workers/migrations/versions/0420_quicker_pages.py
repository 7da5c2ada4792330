"""What pages of the control room ask of long tables: assignments by time, and durations in binary."""

from alembic import op

revision = "0420"
down_revision = "0410"


def upgrade() -> None:
    op.execute("""
        CREATE INDEX assignments_time ON routing.assignments (assigned_at) INCLUDE (rep_id, pool, lead_id)
            WHERE released_at IS NULL;
        -- By extract, in decimal, it was most of the time of a day's elements. The engine's moments are whole milliseconds,
        -- so both say the same.
        CREATE OR REPLACE FUNCTION control.milliseconds(began timestamptz, ended timestamptz) RETURNS bigint
            LANGUAGE sql IMMUTABLE AS $$ SELECT round(date_part('epoch', ended - began) * 1000)::bigint $$
    """)


def downgrade() -> None:
    op.execute("""
        DROP INDEX routing.assignments_time;
        CREATE OR REPLACE FUNCTION control.milliseconds(began timestamptz, ended timestamptz) RETURNS bigint
            LANGUAGE sql IMMUTABLE AS $$ SELECT round(extract(epoch FROM ended - began) * 1000)::bigint $$
    """)
