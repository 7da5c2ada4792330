"""Events by Kafka: those that came before their lead, and a case's timeline told to others."""

from alembic import op

revision = "0230"
down_revision = "0200"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE runtime.events_early (
        source      text        NOT NULL,        -- of the lead that it is about
        sender      text        NOT NULL,        -- within which event ids are unique
        event_id    text        NOT NULL,
        type        text        NOT NULL,
        data        jsonb       NOT NULL,
        external_id text        NOT NULL,        -- of the lead
        place       text        NOT NULL,        -- topic/partition/offset
        kept_at     timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (sender, event_id)
    );
    CREATE INDEX events_early_kept ON runtime.events_early (kept_at);

    -- Outbox channels that are told of each entry of a timeline; none: nobody listens, and nothing is written.
    CREATE TABLE runtime.event_channels (channel text PRIMARY KEY);

    CREATE FUNCTION runtime.tell_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO runtime.outbox (channel, business_id, external_id, payload)
        SELECT c.channel, t.business_id, 'timeline:' || t.id, jsonb_build_object(
            'action', t.action, 'at', to_char(t.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', t.actor, 'why', t.why, 'facts', t.facts)
        FROM told t CROSS JOIN runtime.event_channels c ORDER BY t.id;
        RETURN NULL;
    END $$;
    -- Once for a batch of leads, not for each.
    CREATE TRIGGER tell_event AFTER INSERT ON runtime.timeline REFERENCING NEW TABLE AS told
        FOR EACH STATEMENT EXECUTE FUNCTION runtime.tell_event();
    """)


def downgrade() -> None:
    op.execute("""
    DROP TRIGGER tell_event ON runtime.timeline;
    DROP FUNCTION runtime.tell_event();
    DROP TABLE runtime.event_channels, runtime.events_early;
    """)
