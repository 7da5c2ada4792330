"""Webhooks that we send: who wants to be told of what, and every attempt to tell them."""

from alembic import op

revision = "0320"
down_revision = "0310"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA webhooks;
    CREATE TABLE webhooks.subscriptions (
        name         text        PRIMARY KEY,
        url          text        NOT NULL,
        types        text[],                              -- of events; NULL: all
        secret       bytea,                               -- sealed; NULL: the settings have it
        former       bytea,                               -- the one before, which signs too
        former_until timestamptz,
        enabled      boolean     NOT NULL DEFAULT true,
        why          text        NOT NULL DEFAULT '',     -- why it is not
        created_at   timestamptz NOT NULL DEFAULT now(),
        changed_at   timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE webhooks.attempts (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subscription text        NOT NULL REFERENCES webhooks.subscriptions ON DELETE CASCADE,
        event_id     text        NOT NULL,
        type         text        NOT NULL,
        business_id  text        NOT NULL,
        try          integer     NOT NULL,
        at           timestamptz NOT NULL DEFAULT clock_timestamp(),
        milliseconds integer     NOT NULL,
        status       integer,                             -- of the answer; NULL: there was none
        outcome      text        NOT NULL CHECK (outcome IN ('delivered', 'again', 'dead', 'gone')),
        said         text        NOT NULL
    );
    CREATE INDEX attempts_newest ON webhooks.attempts (subscription, id DESC);
    CREATE INDEX attempts_old ON webhooks.attempts (at);

    ALTER TABLE runtime.event_channels ADD COLUMN actions text[]; -- of a timeline's entries; NULL: all
    CREATE FUNCTION runtime.event_of(happened_at timestamptz, actor text, action text, why text, facts jsonb) RETURNS jsonb
    LANGUAGE sql STABLE AS $$
        SELECT jsonb_build_object(
            'action', action, 'at', to_char(happened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', actor, 'why', why, 'facts', facts)
    $$;
    CREATE OR REPLACE FUNCTION runtime.tell_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO runtime.outbox (channel, business_id, external_id, payload)
        SELECT c.channel, t.business_id, 'timeline:' || t.id,
               runtime.event_of(t.at, t.actor, t.action, t.why, t.facts)
        FROM told t JOIN runtime.event_channels c ON c.actions IS NULL OR t.action = ANY(c.actions) ORDER BY t.id;
        RETURN NULL;
    END $$;
    """)


def downgrade() -> None:
    op.execute("""
    CREATE OR REPLACE FUNCTION runtime.tell_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO runtime.outbox (channel, business_id, external_id, payload)
        SELECT c.channel, t.business_id, 'timeline:' || t.id, jsonb_build_object(
            'action', t.action, 'at', to_char(t.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', t.actor, 'why', t.why, 'facts', t.facts)
        FROM told t CROSS JOIN runtime.event_channels c ORDER BY t.id;
        RETURN NULL;
    END $$;
    DROP FUNCTION runtime.event_of(timestamptz, text, text, text, jsonb);
    DELETE FROM runtime.event_channels WHERE channel LIKE 'webhook:%';
    ALTER TABLE runtime.event_channels DROP COLUMN actions;
    DROP SCHEMA webhooks CASCADE;
    """)
