"""Published forecasts: immutable versions, how they got on at the targets, how they were judged; and both targets."""

from alembic import op

revision = "0090"
down_revision = "0080"

TARGETS = ("crm", "erp")


def upgrade() -> None:
    op.execute("""
    CREATE TABLE forecasting.publications (
        version      text PRIMARY KEY,           -- forecast_id.release
        id           bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- the order in which they were made
        forecast_id  text  NOT NULL,
        release      int   NOT NULL,
        organisation text  NOT NULL REFERENCES forecasting.organisations,
        run_version  text  NOT NULL,             -- what it was made from, forecasting.runs
        months       text[] NOT NULL,            -- 2019-01, …
        facts        jsonb NOT NULL,             -- see domain.publication.ReleaseFacts
        made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (forecast_id, release)
    );
    CREATE INDEX publications_organisation ON forecasting.publications (organisation, id);
    -- One row a node; arrays have one figure for each month of the publication.
    CREATE TABLE forecasting.published_segments (
        version    text NOT NULL REFERENCES forecasting.publications ON DELETE CASCADE,
        place      int  NOT NULL,                -- sums first, as in the forecast
        segment    text NOT NULL,
        level      text NOT NULL,
        champion   text NOT NULL,
        naive      double precision[] NOT NULL,
        model      double precision[] NOT NULL,  -- the champion alone
        base       double precision[] NOT NULL,  -- made to add up: what the models say
        final      double precision[] NOT NULL,  -- with what people changed
        bottom     boolean NOT NULL,             -- nothing is below it
        lo80       double precision[] NOT NULL,  -- intervals of the base; NULL inside: no record to tell by
        hi80       double precision[] NOT NULL,
        lo95       double precision[] NOT NULL,
        hi95       double precision[] NOT NULL,
        override   jsonb,                        -- {values, reason, by, approved_by}: what a person asked for here
        PRIMARY KEY (version, segment)
    );
    CREATE UNIQUE INDEX published_segments_place ON forecasting.published_segments (version, place);
    CREATE TABLE forecasting.releases (
        version    text PRIMARY KEY REFERENCES forecasting.publications ON DELETE CASCADE,
        choice     text NOT NULL CHECK (choice IN ('approve', 'reject')),
        level      text NOT NULL,                -- whose approval was asked for; none: nobody's
        decided_by text NOT NULL,
        comment    text NOT NULL DEFAULT '',
        decided_at timestamptz NOT NULL
    );
    CREATE FUNCTION forecasting.keep_publication() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'A published version is not changed; publish a new one.';
    END $$;
    CREATE TRIGGER keep_publication BEFORE UPDATE ON forecasting.publications
        FOR EACH ROW EXECUTE FUNCTION forecasting.keep_publication();
    CREATE TRIGGER keep_publication BEFORE UPDATE ON forecasting.published_segments
        FOR EACH ROW EXECUTE FUNCTION forecasting.keep_publication();

    CREATE TABLE forecasting.sendings (
        change_id  text PRIMARY KEY,             -- forecast_id/release/target: the target knows the change by it
        forecast_id text NOT NULL,
        release    int  NOT NULL,                -- counts attempts on too
        version    text NOT NULL REFERENCES forecasting.publications ON DELETE CASCADE,
        target     text NOT NULL,
        state      text NOT NULL DEFAULT 'pending'
                   CHECK (state IN ('pending', 'delivered', 'refused', 'restored')),
        why        text NOT NULL DEFAULT '',
        former     text,                         -- what was in use there before; NULL: nothing, or not yet known
        in_use     text,                         -- what was in use there after the last word of the target
        asked_at   timestamptz NOT NULL,
        settled_at timestamptz
    );
    CREATE INDEX sendings_version ON forecasting.sendings (version);
    CREATE INDEX sendings_review ON forecasting.sendings (forecast_id, release);

    -- A published version held against what came until a month: one row a segment and step.
    CREATE TABLE forecasting.judged (
        version     text NOT NULL REFERENCES forecasting.publications ON DELETE CASCADE,
        until       text NOT NULL,               -- the last month with actuals, 2019-03
        segment     text NOT NULL,
        step        text NOT NULL,               -- naive | model | reconciled | override | final
        champion    text NOT NULL,
        person      text,                        -- who changed this segment
        months      int  NOT NULL,
        wape        double precision,            -- percent, as bias, value_added and the coverages
        mase        double precision,
        bias        double precision,
        value_added double precision,
        cover80     double precision,
        cover95     double precision,
        judged_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (version, until, segment, step)
    );

    CREATE TABLE forecasting.pictures (
        run_version text  NOT NULL,
        segment     text  NOT NULL,
        png         bytea NOT NULL,
        made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (run_version, segment)
    );
    ALTER TABLE forecasting.pictures ALTER png SET STORAGE EXTERNAL; -- packed already
    """)
    for target in TARGETS:
        op.execute(f"""
        -- The target is another system: it has tables of its own, and knows ours by their versions only.
        CREATE TABLE {target}.forecast_terms (
            organisation   text PRIMARY KEY,
            currency       text NOT NULL DEFAULT '', -- the only one it takes; empty: any
            closed_through text NOT NULL DEFAULT ''  -- no forecast may begin in or before this month; empty: any may
        );
        CREATE TABLE {target}.forecast_versions (
            version      text PRIMARY KEY,
            organisation text   NOT NULL,
            unit         text   NOT NULL,
            currency     text   NOT NULL,
            months       text[] NOT NULL,
            figures      jsonb  NOT NULL,        -- segment → one figure a month
            received_at  timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE TABLE {target}.forecast_changes (
            id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            organisation text NOT NULL,
            version      text REFERENCES {target}.forecast_versions, -- NULL: undone before it came
            change_id    text NOT NULL UNIQUE,
            changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            undone_at    timestamptz
        );
        CREATE INDEX forecast_changes_organisation ON {target}.forecast_changes (organisation, id);
        -- What the organisation works with: the latest change that was not undone.
        CREATE VIEW {target}.forecasts_in_use AS
            SELECT DISTINCT ON (organisation) organisation, version, change_id, changed_at
            FROM {target}.forecast_changes WHERE undone_at IS NULL ORDER BY organisation, id DESC;
        CREATE FUNCTION {target}.keep_forecast() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'A forecast version is not changed.';
        END $$;
        CREATE TRIGGER keep_forecast BEFORE UPDATE ON {target}.forecast_versions
            FOR EACH ROW EXECUTE FUNCTION {target}.keep_forecast();
        """)  # noqa: S608 - the only part put in is a constant above


def downgrade() -> None:
    for target in TARGETS:
        op.execute(f"""
        DROP VIEW {target}.forecasts_in_use;
        DROP TABLE {target}.forecast_changes, {target}.forecast_versions, {target}.forecast_terms;
        DROP FUNCTION {target}.keep_forecast();
        """)
    op.execute("""
    DROP TABLE forecasting.pictures, forecasting.judged, forecasting.sendings, forecasting.releases,
        forecasting.published_segments, forecasting.publications;
    DROP FUNCTION forecasting.keep_publication();
    """)
