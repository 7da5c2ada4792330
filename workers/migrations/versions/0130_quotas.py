"""Quotas: organisations and their tables, plans, approvals with a signed trail, published versions, both targets."""

from alembic import op

revision = "0130"
down_revision = "0120"

TARGETS = ("crm", "erp")


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA quotas;
    CREATE TABLE quotas.organisations (
        id          text PRIMARY KEY,
        name        text  NOT NULL,
        currency    text  NOT NULL,
        timezone    text  NOT NULL,
        holidays    text  NOT NULL,
        targets     text[] NOT NULL,
        people      jsonb NOT NULL DEFAULT '{}', -- group → addresses that are told
        rules       jsonb NOT NULL,              -- planning.rules.Rules
        forecast_of text REFERENCES forecasting.organisations, -- whose published forecast is planned by; NULL: the table's
        created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    -- What is known now, one row a table of docs/quota.md; a collection keeps what it saw.
    CREATE TABLE quotas.tables (
        organisation text  NOT NULL REFERENCES quotas.organisations,
        name         text  NOT NULL,
        rows         jsonb NOT NULL,             -- [{column: text}]
        loaded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (organisation, name)
    );
    CREATE TABLE quotas.persons (
        organisation text NOT NULL REFERENCES quotas.organisations,
        login        text NOT NULL,
        name         text NOT NULL,
        email        text NOT NULL,
        role         text NOT NULL CHECK (role IN ('rep', 'manager', 'director', 'finance', 'ops')),
        node         text,                       -- whose quota is theirs: a rep's own, or the unit that they lead
        substitute   text,                       -- log-in of who decides while they are away
        away_from    timestamptz,
        away_until   timestamptz,
        PRIMARY KEY (organisation, login)
    );
    CREATE TABLE quotas.reviews (
        quota_id     text PRIMARY KEY,
        organisation text NOT NULL REFERENCES quotas.organisations,
        period       text NOT NULL,
        reason       text NOT NULL,
        asked_by     text NOT NULL,
        concerned    text[] NOT NULL DEFAULT '{}', -- reps and units whose quotas may move; empty: all
        state        text NOT NULL DEFAULT 'open'
                     CHECK (state IN ('open', 'published', 'stopped', 'failed', 'withdrawn')),
        version      text,                       -- the plan as it is now, quotas.plans
        opened_at    timestamptz NOT NULL,
        closed_at    timestamptz
    );
    CREATE UNIQUE INDEX reviews_one_open ON quotas.reviews (organisation) WHERE state = 'open';
    CREATE TABLE quotas.inputs (
        input_id   text PRIMARY KEY,             -- quota_id/collection
        quota_id   text  NOT NULL REFERENCES quotas.reviews ON DELETE CASCADE,
        content    bytea NOT NULL,               -- the tables, JSON packed by zlib
        taken_at   timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE quotas.plans (
        id      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        version text        PRIMARY KEY,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        card    jsonb       NOT NULL,
        content bytea       NOT NULL,            -- zip of Parquet frames, see docs/adr/0013-quotas.md
        sha256  text        NOT NULL
    );
    ALTER TABLE quotas.plans ALTER content SET STORAGE EXTERNAL;

    -- Where each quota of a review stands.
    CREATE TABLE quotas.cases (
        quota_id    text   NOT NULL REFERENCES quotas.reviews ON DELETE CASCADE,
        node        text   NOT NULL,
        place       int    NOT NULL,
        facts       jsonb  NOT NULL,             -- domain.cases.Fact: what tables and forms read
        quota       bigint NOT NULL,             -- cents
        first_quota bigint NOT NULL,             -- as it was planned at first
        level       text,                        -- whose approval it needs at last; none: nobody's; NULL: not asked yet
        why         text   NOT NULL DEFAULT '',
        stage       text,                        -- whose turn it is
        state       text   NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'waiting', 'approved')),
        adjusted_by text,
        adjusted_why text,                       -- of the list of reasons
        comment     text   NOT NULL DEFAULT '',  -- of the last who sent it back
        given_to    text,                        -- log-in of who it was delegated to
        objection   text   NOT NULL DEFAULT '',
        asked_quota bigint,                      -- what the rep was asked about last
        PRIMARY KEY (quota_id, node)
    );
    -- Who did what when, and what they saw. Each row is signed with the one before: none can be changed, put in or left
    -- out without breaking the chain.
    CREATE TABLE quotas.trail (
        quota_id text   NOT NULL REFERENCES quotas.reviews ON DELETE CASCADE,
        number   int    NOT NULL,
        node     text,
        action   text   NOT NULL,
        actor    text   NOT NULL,
        at       timestamptz NOT NULL,
        seen     jsonb  NOT NULL,
        mac      text   NOT NULL,                -- HMAC-SHA256 over the row and the mac of the one before
        PRIMARY KEY (quota_id, number)
    );
    CREATE TABLE quotas.publications (
        version      text PRIMARY KEY,           -- quota_id.release
        id           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        quota_id     text NOT NULL,
        release      int  NOT NULL,
        organisation text NOT NULL REFERENCES quotas.organisations,
        period       text NOT NULL,
        plan_version text NOT NULL,
        currency     text NOT NULL,
        valid_from   date NOT NULL,
        valid_until  date NOT NULL,
        made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (quota_id, release)
    );
    CREATE INDEX publications_organisation ON quotas.publications (organisation, id);
    CREATE TABLE quotas.published (
        version    text   NOT NULL REFERENCES quotas.publications ON DELETE CASCADE,
        place      int    NOT NULL,              -- units first, from the top
        node       text   NOT NULL,
        name       text   NOT NULL,
        parent     text   NOT NULL,
        level      text   NOT NULL,
        quota      bigint NOT NULL,              -- cents, as last_quota
        last_quota bigint,
        odds       double precision NOT NULL,
        PRIMARY KEY (version, node)
    );
    CREATE TABLE quotas.letters (
        version    text  NOT NULL REFERENCES quotas.publications ON DELETE CASCADE,
        node       text  NOT NULL,
        address    text  NOT NULL,
        pdf        bytea NOT NULL,
        printed_at timestamptz NOT NULL,
        sent_at    timestamptz,
        void_at    timestamptz,                  -- taken back: it opens no more
        PRIMARY KEY (version, node)
    );
    CREATE TABLE quotas.sendings (
        change_id  text PRIMARY KEY,             -- quota_id/release/target: the target knows the change by it
        quota_id   text NOT NULL,
        release    int  NOT NULL,
        version    text NOT NULL REFERENCES quotas.publications ON DELETE CASCADE,
        target     text NOT NULL,
        state      text NOT NULL DEFAULT 'pending'
                   CHECK (state IN ('pending', 'delivered', 'refused', 'restored')),
        why        text NOT NULL DEFAULT '',
        former     text,
        in_use     text,
        asked_at   timestamptz NOT NULL,
        settled_at timestamptz
    );
    CREATE INDEX sendings_review ON quotas.sendings (quota_id, release);
    CREATE FUNCTION quotas.keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'A row of quotas.% is not changed.', TG_TABLE_NAME;
    END $$;
    CREATE TRIGGER keep BEFORE UPDATE ON quotas.inputs FOR EACH ROW EXECUTE FUNCTION quotas.keep();
    CREATE TRIGGER keep BEFORE UPDATE ON quotas.plans FOR EACH ROW EXECUTE FUNCTION quotas.keep();
    CREATE TRIGGER keep BEFORE UPDATE ON quotas.trail FOR EACH ROW EXECUTE FUNCTION quotas.keep();
    CREATE TRIGGER keep BEFORE UPDATE ON quotas.publications FOR EACH ROW EXECUTE FUNCTION quotas.keep();
    CREATE TRIGGER keep BEFORE UPDATE ON quotas.published FOR EACH ROW EXECUTE FUNCTION quotas.keep();
    """)
    for target in TARGETS:
        op.execute(f"""
        -- The target is another system: it has tables of its own, and knows ours by their versions only.
        CREATE TABLE {target}.quota_terms (
            organisation   text PRIMARY KEY,
            currency       text NOT NULL DEFAULT '', -- the only one it takes; empty: any
            closed_through date                      -- no quotas may be valid from before; NULL: any may
        );
        CREATE TABLE {target}.quota_versions (
            version      text PRIMARY KEY,
            organisation text  NOT NULL,
            period       text  NOT NULL,
            currency     text  NOT NULL,
            valid_from   date  NOT NULL,
            valid_until  date  NOT NULL,
            quotas       jsonb NOT NULL,         -- rep or unit → cents
            received_at  timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE TABLE {target}.quota_changes (
            id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            organisation text NOT NULL,
            version      text REFERENCES {target}.quota_versions, -- NULL: undone before it came
            change_id    text NOT NULL UNIQUE,
            changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            undone_at    timestamptz
        );
        CREATE INDEX quota_changes_organisation ON {target}.quota_changes (organisation, id);
        CREATE VIEW {target}.quotas_in_use AS
            SELECT DISTINCT ON (organisation) organisation, version, change_id, changed_at
            FROM {target}.quota_changes WHERE undone_at IS NULL ORDER BY organisation, id DESC;
        CREATE FUNCTION {target}.keep_quotas() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'A quota version is not changed.';
        END $$;
        CREATE TRIGGER keep_quotas BEFORE UPDATE ON {target}.quota_versions
            FOR EACH ROW EXECUTE FUNCTION {target}.keep_quotas();
        """)  # noqa: S608 - the only part put in is a constant above


def downgrade() -> None:
    for target in TARGETS:
        op.execute(f"""
        DROP VIEW {target}.quotas_in_use;
        DROP TABLE {target}.quota_changes, {target}.quota_versions, {target}.quota_terms;
        DROP FUNCTION {target}.keep_quotas();
        """)
    op.execute("DROP SCHEMA quotas CASCADE;")
