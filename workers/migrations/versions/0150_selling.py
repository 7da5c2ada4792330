"""Selling: promises and their follow-ups, rankings of opportunities, win models; the CRM's side of it."""

from alembic import op

revision = "0150"
down_revision = "0140"


def upgrade() -> None:
    op.execute("""
    -- The built-in CRM, another system.
    CREATE TABLE crm.opportunities (
        id              text PRIMARY KEY,
        name            text        NOT NULL,
        account_id      text,
        owner_id        text        NOT NULL,   -- a rep's id
        stage           text        NOT NULL CHECK (stage IN ('qualify', 'discover', 'propose', 'negotiate')),
        source          text        NOT NULL DEFAULT '',
        product         text        NOT NULL DEFAULT '',
        amount_eur      numeric     NOT NULL CHECK (amount_eur >= 0),
        opened_at       timestamptz NOT NULL,
        stage_since     timestamptz NOT NULL,
        last_contact_at timestamptz,
        contacts        int         NOT NULL DEFAULT 0 CHECK (contacts >= 0),
        decision_maker  boolean     NOT NULL DEFAULT false,  -- whether somebody who decides was spoken to
        competitors     int         NOT NULL DEFAULT 0,
        closed_at       timestamptz,
        won             boolean,
        CHECK ((closed_at IS NULL) = (won IS NULL))
    );
    CREATE INDEX opportunities_owner ON crm.opportunities (owner_id) WHERE closed_at IS NULL;
    CREATE INDEX opportunities_closed ON crm.opportunities (closed_at);
    CREATE TABLE crm.activities (
        external_id  text PRIMARY KEY,          -- our follow_up_id: writes are upserts by it
        subject_kind text        NOT NULL,
        subject_id   text        NOT NULL,
        rep_id       text        NOT NULL,
        kind         text        NOT NULL,
        due_at       timestamptz NOT NULL,
        state        text        NOT NULL,      -- planned | done | dropped | missed | removed
        result       text        NOT NULL DEFAULT '',
        change_id    text        NOT NULL,      -- the outbox row's external id: a repeat changes nothing
        updated_at   timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX activities_subject ON crm.activities (subject_id);
    -- How an opportunity was at a moment of its life: what a win model learns from.
    CREATE TABLE crm.opportunity_snapshots (
        opportunity_id  text        NOT NULL REFERENCES crm.opportunities ON DELETE CASCADE,
        taken_at        timestamptz NOT NULL,
        stage           text        NOT NULL,
        stage_since     timestamptz NOT NULL,
        amount_eur      numeric     NOT NULL,
        last_contact_at timestamptz,
        contacts        int         NOT NULL,
        decision_maker  boolean     NOT NULL,
        competitors     int         NOT NULL,
        PRIMARY KEY (opportunity_id, taken_at)
    );
    -- Which ranking was put in use when; the latest that was not undone is in use.
    CREATE TABLE crm.rankings (
        change_id    text PRIMARY KEY,
        organisation text        NOT NULL,
        put_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
        undone_at    timestamptz
    );
    CREATE TABLE crm.ranked_opportunities (
        change_id      text             NOT NULL REFERENCES crm.rankings,
        opportunity_id text             NOT NULL,
        rep_id         text             NOT NULL,
        place          int              NOT NULL,
        expected_value double precision NOT NULL,
        action         text             NOT NULL,
        PRIMARY KEY (change_id, opportunity_id)
    );
    CREATE VIEW crm.ranking_in_use AS
        SELECT k.organisation, o.opportunity_id, o.rep_id, o.place, o.expected_value, o.action, k.change_id
        FROM (SELECT DISTINCT ON (organisation) organisation, change_id FROM crm.rankings WHERE undone_at IS NULL
              ORDER BY organisation, put_at DESC) k
        JOIN crm.ranked_opportunities o USING (change_id);
    CREATE TABLE crm.rankings_told (change_id text PRIMARY KEY); -- contacts that were told of: a repeat changes nothing

    CREATE SCHEMA selling;
    CREATE TABLE selling.follow_ups (
        follow_up_id  text PRIMARY KEY,
        subject_kind  text        NOT NULL CHECK (subject_kind IN ('lead', 'opportunity')),
        subject_id    text        NOT NULL,
        rep_id        text        NOT NULL,
        contact       text        NOT NULL,
        channel       text        NOT NULL,
        promised_for  timestamptz NOT NULL,
        due_at        timestamptz NOT NULL,     -- after postponements
        note          text        NOT NULL DEFAULT '',
        promised_by   text        NOT NULL DEFAULT '',
        state         text        NOT NULL DEFAULT 'open'
                      CHECK (state IN ('open', 'done', 'late', 'dropped', 'missed', 'cancelled')),
        result        text        NOT NULL DEFAULT '',
        contacted_by  text        NOT NULL DEFAULT '',
        contact_note  text        NOT NULL DEFAULT '',
        opened_at     timestamptz NOT NULL,
        escalated_at  timestamptz,
        closed_at     timestamptz
    );
    CREATE INDEX follow_ups_rep ON selling.follow_ups (rep_id, due_at);
    CREATE INDEX follow_ups_subject ON selling.follow_ups (subject_id);
    CREATE TABLE selling.follow_up_changes (
        follow_up_id text        NOT NULL REFERENCES selling.follow_ups,
        change_key   text        NOT NULL,
        kind         text        NOT NULL CHECK (kind IN ('postpone', 'reassign')),
        reason       text        NOT NULL,
        by_whom      text        NOT NULL,
        note         text        NOT NULL DEFAULT '',
        "before"     text        NOT NULL,
        "after"      text        NOT NULL,
        changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (follow_up_id, change_key)
    );

    CREATE TABLE selling.organisations (
        id            text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9_]{0,62}$'),
        name          text   NOT NULL,
        territories   text[] NOT NULL CHECK (cardinality(territories) > 0), -- whose reps sell for it
        minutes_a_day double precision NOT NULL DEFAULT 180 CHECK (minutes_a_day > 0) -- a rep's, for open opportunities
    );
    CREATE TABLE selling.prioritisations (
        prioritisation_id text PRIMARY KEY,
        organisation      text        NOT NULL REFERENCES selling.organisations,
        asked_by          text        NOT NULL,
        state             text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'nothing', 'withdrawn')),
        chances_from      text,                 -- version of the win model, or 'table'
        opened_at         timestamptz NOT NULL,
        collected_at      timestamptz,
        closed_at         timestamptz
    );
    CREATE UNIQUE INDEX prioritisations_one_open ON selling.prioritisations (organisation) WHERE state = 'open';
    CREATE TABLE selling.ranked (
        prioritisation_id text   NOT NULL REFERENCES selling.prioritisations,
        opportunity_id    text   NOT NULL,
        rep_id            text   NOT NULL,
        facts             jsonb  NOT NULL,      -- domain.opportunity.Open, as the CRM had it
        chance            double precision CHECK (chance BETWEEN 0 AND 1),
        reasons           text[] NOT NULL DEFAULT '{}',
        place             int,                  -- on the rep's list; NULL: not on it
        expected_value    double precision,     -- EUR
        minutes           double precision,
        action            text,
        why               text,
        said              text CHECK (said IN ('done', 'promised', 'skip', 'later')),
        said_why          text   NOT NULL DEFAULT '',
        said_by           text,
        said_at           timestamptz,
        PRIMARY KEY (prioritisation_id, opportunity_id)
    );
    CREATE TABLE selling.win_models (
        version    text PRIMARY KEY,
        model      jsonb       NOT NULL,        -- domain.winning.WinModel
        card       jsonb       NOT NULL,
        active     boolean     NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE UNIQUE INDEX win_models_active ON selling.win_models (active) WHERE active;
    """)


def downgrade() -> None:
    op.execute("""
    DROP SCHEMA selling CASCADE;
    DROP VIEW crm.ranking_in_use;
    DROP TABLE crm.rankings_told, crm.ranked_opportunities, crm.rankings, crm.opportunity_snapshots, crm.activities,
        crm.opportunities;
    """)
