"""Territory alignment: organisations with accounts, reps and rules; alignments, answers, publications; both targets."""

from alembic import op

revision = "0140"
down_revision = "0130"

TARGETS = ("crm", "routing")


def upgrade() -> None:
    op.execute("""
    CREATE TABLE territories.organisations (
        id       text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9_]{0,62}$'),
        name     text  NOT NULL,
        currency text  NOT NULL DEFAULT '',
        timezone text  NOT NULL DEFAULT 'UTC',
        holidays text  NOT NULL DEFAULT 'US',            -- country code
        weights  jsonb NOT NULL DEFAULT '{}',            -- what differs from solving.organisation.Weights
        seconds  double precision NOT NULL DEFAULT 60 CHECK (seconds > 0), -- for the search
        targets  text[] NOT NULL DEFAULT '{crm,routing}',
        people   jsonb NOT NULL DEFAULT '{}'             -- {group: [address]}
    );
    CREATE TABLE territories.regions (
        organisation text NOT NULL REFERENCES territories.organisations,
        region       text NOT NULL,                      -- also the routing territory of that name
        manager      text NOT NULL DEFAULT '',           -- log-in; empty: anybody of the group
        email        text NOT NULL DEFAULT '',
        PRIMARY KEY (organisation, region)
    );
    -- As they came: whatever cannot be used is found when an alignment collects them, and told.
    CREATE TABLE territories.accounts (
        organisation text NOT NULL REFERENCES territories.organisations,
        account      text NOT NULL,
        place        int  NOT NULL,                      -- order of the rows
        latitude     double precision,
        longitude    double precision,
        potential    double precision,                   -- money a year
        workload     double precision,                   -- hours a year
        industry     text NOT NULL DEFAULT '',
        skills       text NOT NULL DEFAULT '',           -- divided by ';', as languages
        languages    text NOT NULL DEFAULT '',
        owner        text NOT NULL DEFAULT '',
        relationship_years double precision,
        region       text NOT NULL DEFAULT '',
        key_account  boolean NOT NULL DEFAULT false,
        PRIMARY KEY (organisation, account)
    );
    CREATE TABLE territories.reps (
        organisation text NOT NULL REFERENCES territories.organisations,
        rep          text NOT NULL,
        place        int  NOT NULL,
        name         text NOT NULL DEFAULT '',
        email        text NOT NULL DEFAULT '',
        region       text NOT NULL DEFAULT '',           -- who manages the rep
        latitude     double precision,
        longitude    double precision,
        capacity     double precision,                   -- hours a year
        maximum_load double precision,
        skills       text NOT NULL DEFAULT '',
        languages    text NOT NULL DEFAULT '',
        PRIMARY KEY (organisation, rep)
    );
    CREATE TABLE territories.rules (
        organisation text NOT NULL REFERENCES territories.organisations,
        place        int  NOT NULL,
        rule         text NOT NULL,
        account      text NOT NULL DEFAULT '',
        rep          text NOT NULL DEFAULT '',
        industry     text NOT NULL DEFAULT '',
        skills       text NOT NULL DEFAULT '',
        value        text NOT NULL DEFAULT '',
        PRIMARY KEY (organisation, place)
    );

    CREATE TABLE territories.alignments (
        alignment_id text PRIMARY KEY,
        organisation text NOT NULL REFERENCES territories.organisations,
        reason       text NOT NULL,                      -- yearly | rep_left | rep_joined | by_hand
        asked_by     text NOT NULL,
        state        text NOT NULL DEFAULT 'open',       -- open | published | stopped | failed | withdrawn
        plan_version text,                               -- the plan that is on the table
        opened_at    timestamptz NOT NULL,
        closed_at    timestamptz
    );
    CREATE UNIQUE INDEX alignments_one_open ON territories.alignments (organisation) WHERE state = 'open';
    CREATE INDEX alignments_organisation ON territories.alignments (organisation, opened_at);
    CREATE TABLE territories.collections (
        collection_id text PRIMARY KEY,                  -- alignment_id/collection
        alignment_id  text  NOT NULL,
        organisation  text  NOT NULL,
        collected_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        accounts      jsonb NOT NULL,                    -- rows of texts, as the solver reads them
        reps          jsonb NOT NULL,
        rules         jsonb NOT NULL,
        problems      jsonb NOT NULL                     -- [{subject, rule, text}]
    );
    CREATE TABLE territories.progress (
        alignment_id text PRIMARY KEY,
        stage        text NOT NULL,
        seconds      double precision NOT NULL,
        score        double precision,                   -- NULL: no plan yet
        bound        double precision,
        at           timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    -- What light programs need of a plan: territories.plans has the frames.
    CREATE TABLE territories.plan_accounts (
        version     text NOT NULL REFERENCES territories.plans ON DELETE CASCADE,
        place       int  NOT NULL,
        account     text NOT NULL,
        rep         text NOT NULL,
        owner       text NOT NULL,                       -- today's; empty: nobody
        potential   double precision NOT NULL,
        workload    double precision NOT NULL,
        km          double precision NOT NULL,
        region      text NOT NULL,
        key_account boolean NOT NULL,
        why         text NOT NULL,
        PRIMARY KEY (version, account)
    );
    CREATE TABLE territories.pictures (
        version text  PRIMARY KEY REFERENCES territories.plans ON DELETE CASCADE,
        png     bytea NOT NULL
    );
    ALTER TABLE territories.pictures ALTER png SET STORAGE EXTERNAL; -- packed already
    CREATE TABLE territories.scenarios (
        alignment_id text NOT NULL,
        place        int  NOT NULL,                      -- 1: as proposed; then each edit
        version      text NOT NULL,
        label        text NOT NULL,
        PRIMARY KEY (alignment_id, place)
    );
    CREATE TABLE territories.looks (
        alignment_id text NOT NULL,
        look_key     text NOT NULL,                      -- release/round/region/turn
        region       text NOT NULL,
        seen_version text NOT NULL,
        answer       text NOT NULL CHECK (answer IN ('accept', 'edit', 'refuse', 'closed')),
        by_whom      text NOT NULL DEFAULT '',
        note         text NOT NULL DEFAULT '',
        at           timestamptz NOT NULL,
        PRIMARY KEY (alignment_id, look_key)
    );
    CREATE TABLE territories.edits (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        alignment_id text NOT NULL,
        look_key     text NOT NULL,
        account      text NOT NULL,
        kind         text NOT NULL CHECK (kind IN ('lock', 'forbid', 'keep')),
        rep          text NOT NULL,
        kept         boolean NOT NULL DEFAULT false      -- a plan was found with it
    );
    CREATE INDEX edits_alignment ON territories.edits (alignment_id, id);

    CREATE TABLE territories.publications (
        version        text PRIMARY KEY,                 -- alignment_id.release
        id             bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        alignment_id   text  NOT NULL,
        release        int   NOT NULL,
        organisation   text  NOT NULL REFERENCES territories.organisations,
        plan_version   text  NOT NULL REFERENCES territories.plans,
        effective_from date  NOT NULL,
        facts          jsonb NOT NULL,                   -- see domain.release.ReleaseFacts
        made_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (alignment_id, release)
    );
    CREATE INDEX publications_organisation ON territories.publications (organisation, id);
    CREATE TABLE territories.approvals (
        version    text PRIMARY KEY REFERENCES territories.publications ON DELETE CASCADE,
        choice     text NOT NULL CHECK (choice IN ('approve', 'reject')),
        level      text NOT NULL,                        -- none: nobody's word was asked for
        decided_by text NOT NULL,
        comment    text NOT NULL DEFAULT '',
        decided_at timestamptz NOT NULL
    );
    CREATE FUNCTION territories.keep_publication() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'A published version is not changed; publish a new one.';
    END $$;
    CREATE TRIGGER keep_publication BEFORE UPDATE ON territories.publications
        FOR EACH ROW EXECUTE FUNCTION territories.keep_publication();
    CREATE TABLE territories.sendings (
        change_id    text PRIMARY KEY,                   -- alignment_id/release/target
        alignment_id text NOT NULL,
        release      int  NOT NULL,                      -- counts attempts on too
        version      text NOT NULL REFERENCES territories.publications ON DELETE CASCADE,
        target       text NOT NULL,
        state        text NOT NULL DEFAULT 'pending'
                     CHECK (state IN ('pending', 'delivered', 'refused', 'restored')),
        why          text NOT NULL DEFAULT '',
        former       text,
        in_use       text,
        asked_at     timestamptz NOT NULL,
        settled_at   timestamptz
    );
    CREATE INDEX sendings_version ON territories.sendings (version);
    CREATE INDEX sendings_alignment ON territories.sendings (alignment_id, release);
    """)
    for target in TARGETS:
        op.execute(f"""
        CREATE TABLE {target}.territory_terms (
            organisation text PRIMARY KEY,
            frozen_until date                            -- nothing that takes effect earlier is taken
        );
        CREATE TABLE {target}.territory_versions (
            version        text PRIMARY KEY,
            organisation   text NOT NULL,
            effective_from date NOT NULL,
            received_at    timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE TABLE {target}.territory_changes (
            id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            organisation text NOT NULL,
            version      text REFERENCES {target}.territory_versions, -- NULL: undone before it came
            change_id    text NOT NULL UNIQUE,
            changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            undone_at    timestamptz
        );
        CREATE INDEX territory_changes_organisation ON {target}.territory_changes (organisation, id);
        -- What a change replaced, by account (crm) or rep (routing): an undo puts exactly that back.
        CREATE TABLE {target}.territory_entries (
            change_id text NOT NULL REFERENCES {target}.territory_changes (change_id),
            subject   text NOT NULL,
            old       jsonb NOT NULL,                    -- null: nobody
            new       jsonb NOT NULL,
            PRIMARY KEY (change_id, subject)
        );
        CREATE INDEX territory_entries_subject ON {target}.territory_entries (subject);
        """)


def downgrade() -> None:
    for target in TARGETS:
        op.execute(f"""
        DROP TABLE {target}.territory_entries, {target}.territory_changes, {target}.territory_versions,
            {target}.territory_terms;
        """)
    op.execute("""
    DROP TABLE territories.sendings, territories.approvals, territories.publications, territories.edits,
        territories.looks, territories.scenarios, territories.pictures, territories.plan_accounts,
        territories.progress, territories.collections, territories.alignments, territories.rules, territories.reps,
        territories.accounts, territories.regions, territories.organisations;
    DROP FUNCTION territories.keep_publication();
    """)
