"""Leads kept equal with the CRM: what both sides agreed on last, and what comparing them found."""

from alembic import op

revision = "0295"
down_revision = "0290"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA sync;
    CREATE TABLE sync.records (
        lead_id     text        PRIMARY KEY REFERENCES routing.leads ON DELETE CASCADE,
        system      text        NOT NULL,            -- hubspot | salesforce
        record_id   text        NOT NULL,            -- of the lead's record there
        base        jsonb       NOT NULL DEFAULT '{}', -- field → the value on which both sides agreed last
        owner_known boolean     NOT NULL DEFAULT false,
        owner_id    text,                            -- whose it was there when that was seen or written last
        digest      text,                            -- of what both sides said when they were equal
        seen_run    bigint,                          -- the last comparison that saw the record
        agreed_at   timestamptz NOT NULL DEFAULT now(),
        gone_at     timestamptz                      -- deleted or merged there
    );
    CREATE INDEX records_there ON sync.records (system, record_id);
    CREATE TABLE sync.runs (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        system      text        NOT NULL,
        kind        text        NOT NULL CHECK (kind IN ('import', 'reconcile')),
        options     jsonb       NOT NULL DEFAULT '{}',
        started_at  timestamptz NOT NULL DEFAULT now(),
        cursor      jsonb,                           -- how far it is: what a run that was killed goes on from
        counts      jsonb       NOT NULL DEFAULT '{}',
        finished_at timestamptz
    );
    CREATE INDEX runs_newest ON sync.runs (system, kind, id DESC);
    -- Names of fields only: what they hold is personal, and stands on both sides.
    CREATE TABLE sync.differences (
        run_id    bigint NOT NULL REFERENCES sync.runs ON DELETE CASCADE,
        kind      text   NOT NULL CHECK (kind IN ('different', 'only here', 'only there', 'gone there')),
        lead_id   text,
        record_id text,
        fields    text[] NOT NULL DEFAULT '{}',
        became    text   NOT NULL,
        UNIQUE NULLS NOT DISTINCT (run_id, kind, lead_id, record_id)
    );

    ALTER TABLE routing.leads ADD COLUMN lead_changed_at timestamptz; -- when `lead` last changed; NULL: as it came in
    CREATE FUNCTION routing.lead_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.lead_changed_at = clock_timestamp();
        RETURN NEW;
    END $$;
    CREATE TRIGGER lead_changed BEFORE UPDATE OF lead ON routing.leads FOR EACH ROW
        WHEN (OLD.lead IS NOT NULL AND OLD.lead IS DISTINCT FROM NEW.lead) EXECUTE FUNCTION routing.lead_changed();
    """)


def downgrade() -> None:
    op.execute("""
    DROP TRIGGER lead_changed ON routing.leads;
    DROP FUNCTION routing.lead_changed();
    ALTER TABLE routing.leads DROP COLUMN lead_changed_at;
    DROP SCHEMA sync CASCADE;
    """)
