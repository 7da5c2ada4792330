"""Which sales order of SAP an opportunity became that was won, and whether the win still holds."""

from alembic import op

revision = "0390"
down_revision = "0370"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE sap.orders (
        system         text        NOT NULL,             -- whose opportunity it is: postgresql | hubspot | salesforce
        opportunity_id text        NOT NULL,
        round          int         NOT NULL,             -- won again after it was withdrawn: the next one
        win            jsonb       NOT NULL,             -- connectors.opportunities.wins.Won, as it was when it was found
        noted_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
        sales_order    text,                             -- its number; NULL: none is known
        asked_at       timestamptz,                      -- one was asked for then, and no answer said what became of it
        withdrawn_at   timestamptz,                      -- the opportunity is not won any more
        rejected_at    timestamptz,                      -- and its order was rejected, or there is none
        PRIMARY KEY (system, opportunity_id, round)
    );
    CREATE INDEX orders_in_force ON sap.orders (system, noted_at) WHERE withdrawn_at IS NULL;
    """)


def downgrade() -> None:
    op.execute("DROP TABLE sap.orders;")
