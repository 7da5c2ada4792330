"""What leads that convert become in an ERP: who is told of conversions, and which business partner of SAP is which lead."""

from alembic import op

revision = "0300"
down_revision = "0297"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA sap;
    CREATE TABLE sap.partners (
        lead_id  text        PRIMARY KEY REFERENCES routing.leads ON DELETE CASCADE,
        partner  text,                                -- number of the business partner; NULL: none is known
        asked_at timestamptz                          -- one was asked for then, and no answer said what became of it
    );

    -- Outbox channels that are told of each lead that converts; none: nobody listens, and nothing is written.
    CREATE TABLE runtime.conversion_channels (channel text PRIMARY KEY);

    CREATE FUNCTION routing.tell_conversion() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO runtime.outbox (channel, business_id, external_id, payload)
        SELECT channel, NEW.lead_id, 'converted:' || NEW.lead_id || ':' || txid_current(),
            jsonb_build_object('lead_id', NEW.lead_id)
        FROM runtime.conversion_channels
        ON CONFLICT (channel, external_id) DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE TRIGGER tell_conversion AFTER UPDATE OF converted ON routing.leads FOR EACH ROW
        WHEN (NEW.converted AND OLD.converted IS DISTINCT FROM NEW.converted) EXECUTE FUNCTION routing.tell_conversion();
    """)


def downgrade() -> None:
    op.execute("""
    DROP TRIGGER tell_conversion ON routing.leads;
    DROP FUNCTION routing.tell_conversion();
    DROP TABLE runtime.conversion_channels;
    DROP SCHEMA sap CASCADE;
    """)
