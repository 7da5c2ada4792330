"""Forecast review: organisations and their sales, collections with findings and repairs, champions, facts and needs."""

from alembic import op

revision = "0080"
down_revision = "0070"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE forecasting.organisations (
        id       text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9_]{0,62}$'),
        name     text   NOT NULL,
        levels   text[] NOT NULL CHECK (cardinality(levels) > 0), -- parts of a segment's path, top-down
        groups   jsonb  NOT NULL DEFAULT '[]',  -- [[level, …], …]: further sums across the hierarchy
        unit     text   NOT NULL DEFAULT '',
        currency text   NOT NULL DEFAULT '',    -- ISO 4217; empty: the unit is no money
        horizon  int    NOT NULL DEFAULT 12 CHECK (horizon BETWEEN 1 AND 36),
        source   text   NOT NULL DEFAULT 'store' CHECK (source IN ('store', 'erp')),
        schedule text   NOT NULL DEFAULT '',    -- cron; empty: no review starts by itself
        timezone text   NOT NULL DEFAULT 'UTC',
        holidays text   NOT NULL DEFAULT 'US',  -- country code
        targets  text[] NOT NULL DEFAULT '{crm,erp}',
        people   jsonb  NOT NULL DEFAULT '{}'   -- {group: [address]}
    );
    CREATE TABLE forecasting.sales (
        organisation text             NOT NULL REFERENCES forecasting.organisations,
        segment      text             NOT NULL, -- its path, '/' between the levels
        month        date             NOT NULL CHECK (extract(day FROM month) = 1),
        value        double precision NOT NULL,
        source       text             NOT NULL, -- the file, or who sent it
        received_at  timestamptz      NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (organisation, segment, month)
    );

    CREATE TABLE forecasting.reviews (
        forecast_id  text PRIMARY KEY,
        organisation text        NOT NULL REFERENCES forecasting.organisations,
        reason       text        NOT NULL,
        asked_by     text        NOT NULL,
        state        text        NOT NULL DEFAULT 'open', -- open | published | stopped | failed | withdrawn
        version      text,                                -- what was fitted last
        raw_digest   text,                                -- of the collection that it was fitted to
        opened_at    timestamptz NOT NULL,
        closed_at    timestamptz
    );
    CREATE UNIQUE INDEX reviews_one_open ON forecasting.reviews (organisation) WHERE state = 'open';
    CREATE INDEX reviews_organisation ON forecasting.reviews (organisation, opened_at);

    CREATE TABLE forecasting.collections (
        history_id   text PRIMARY KEY,          -- forecast_id/collection
        forecast_id  text        NOT NULL,
        organisation text        NOT NULL REFERENCES forecasting.organisations,
        collected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        raw_digest   text        NOT NULL,
        content      bytea       NOT NULL,      -- the series as collected: gzipped JSON, see forecasting/packing.py
        problems     jsonb       NOT NULL       -- [[where, rule, text, series], …]: what was left out
    );
    CREATE INDEX collections_review ON forecasting.collections (forecast_id);
    CREATE TABLE forecasting.findings (
        history_id text NOT NULL REFERENCES forecasting.collections ON DELETE CASCADE,
        place      int  NOT NULL,               -- the worst first
        series     text NOT NULL,
        month      date,
        rule       text NOT NULL,
        severity   text NOT NULL,
        text       text NOT NULL,
        value      double precision,
        proposal   double precision,
        PRIMARY KEY (history_id, place)
    );
    CREATE TABLE forecasting.repairs (
        history_id text             NOT NULL REFERENCES forecasting.collections ON DELETE CASCADE,
        series     text             NOT NULL,
        month      date             NOT NULL,
        rule       text             NOT NULL,
        before     double precision,            -- NULL: there was no value
        after      double precision NOT NULL,
        decided_by text             NOT NULL,   -- the decision table's rule, or a person's log-in
        decided_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (history_id, series, month)
    );

    -- How far the fit of a review is; written beside the job's transaction, so that it is seen while it runs.
    CREATE TABLE forecasting.progress (
        forecast_id text PRIMARY KEY,
        done        int         NOT NULL,
        total       int         NOT NULL,
        doing       text        NOT NULL,
        at          timestamptz NOT NULL DEFAULT clock_timestamp()
    );

    -- One row a review and segment: the champion it ended with, and who challenges it.
    CREATE TABLE forecasting.champions (
        forecast_id  text NOT NULL,
        organisation text NOT NULL REFERENCES forecasting.organisations,
        segment      text NOT NULL,
        champion     text NOT NULL,
        challenger   text NOT NULL DEFAULT '',  -- the model that was better this time; empty: none
        wins         int  NOT NULL DEFAULT 0,   -- reviews in a row that the challenger was better at
        PRIMARY KEY (forecast_id, segment)
    );

    CREATE TABLE forecasting.segment_facts (
        forecast_id text NOT NULL,
        version     text NOT NULL,
        place       int  NOT NULL,              -- from 0; see domain.needs.PAGE
        segment     text NOT NULL,
        facts       jsonb NOT NULL,             -- forecasting.facts.SegmentFacts and what the store adds
        series      jsonb NOT NULL,             -- forecasting.facts.plain_series: what a form shows
        review      boolean,                    -- what the decision table said; NULL: not asked yet
        priority    double precision,
        reviewer_group text,
        why         text,
        to_review   boolean NOT NULL DEFAULT false, -- within the share that people look at
        PRIMARY KEY (forecast_id, version, segment)
    );
    CREATE UNIQUE INDEX segment_facts_place ON forecasting.segment_facts (forecast_id, version, place);

    -- What people said of a segment; hand_over: somebody else is asked; closed: nobody said anything in time.
    CREATE TABLE forecasting.answers (
        forecast_id text NOT NULL,
        review_key  text NOT NULL,              -- release/segment/round
        segment     text NOT NULL,
        answer      text NOT NULL CHECK (answer IN ('accept', 'override', 'hand_over', 'closed')),
        by_whom     text NOT NULL DEFAULT '',
        note        text NOT NULL DEFAULT '',
        decided_at  timestamptz NOT NULL,
        PRIMARY KEY (forecast_id, review_key)
    );
    -- A layer of its own: what the models said is never changed.
    CREATE TABLE forecasting.overrides (
        forecast_id text NOT NULL,
        review_key  text NOT NULL,
        segment     text NOT NULL,
        "values"    jsonb NOT NULL,             -- {month: figure} of the months that were changed
        percent     double precision NOT NULL,  -- of the segment's sum: 0.05 is five percent more
        amount      double precision NOT NULL,  -- in the unit of the values, signed
        reason      text NOT NULL,
        note        text NOT NULL DEFAULT '',
        by_whom     text NOT NULL,
        decided_at  timestamptz NOT NULL,
        state       text NOT NULL DEFAULT 'proposed'
                    CHECK (state IN ('proposed', 'approved', 'rejected', 'replaced')),
        approved_by text,                       -- who approved or rejected it; 'rule': nobody had to
        approval_comment text NOT NULL DEFAULT '',
        PRIMARY KEY (forecast_id, review_key)
    );
    CREATE INDEX overrides_segment ON forecasting.overrides (forecast_id, segment, decided_at);

    -- The built-in ERP, another system: monthly sales come from it where an organisation says so.
    CREATE SCHEMA erp;
    CREATE TABLE erp.sales (
        organisation text             NOT NULL,
        segment      text             NOT NULL,
        month        date             NOT NULL,
        amount       double precision,
        booked_at    timestamptz      NOT NULL DEFAULT now(),
        PRIMARY KEY (organisation, segment, month)
    );
    """)


def downgrade() -> None:
    op.execute("""
    DROP SCHEMA erp CASCADE;
    DROP TABLE forecasting.overrides, forecasting.answers, forecasting.segment_facts, forecasting.champions,
        forecasting.progress, forecasting.repairs,
        forecasting.findings, forecasting.collections, forecasting.reviews, forecasting.sales,
        forecasting.organisations;
    """)
