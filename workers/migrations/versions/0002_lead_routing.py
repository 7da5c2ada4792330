"""Lead routing: the sales organisation, leads, assignments and credits, scorer models; and the built-in CRM."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
    CREATE SCHEMA crm;
    CREATE TABLE crm.accounts (
        id                 text PRIMARY KEY,
        name               text NOT NULL,
        domain             text,
        country            text,
        industry           text,
        employees          int,
        annual_revenue_eur numeric,
        phone              text,
        owner_id           text,
        open_opportunities int NOT NULL DEFAULT 0,
        updated_at         timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX accounts_domain ON crm.accounts (lower(domain));
    CREATE INDEX accounts_name ON crm.accounts (lower(name));
    CREATE TABLE crm.leads (
        external_id text PRIMARY KEY,            -- our lead_id: writes are upserts by it
        owner_id    text,
        status      text NOT NULL DEFAULT 'new', -- new | assigned | accepted | merged | discarded | withdrawn
        account_id  text,
        fields      jsonb NOT NULL DEFAULT '{}',
        version     bigint NOT NULL DEFAULT 1,
        updated_at  timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE crm.change_log (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        external_id text NOT NULL,
        field       text NOT NULL,
        old         text,
        new         text,
        change_id   text NOT NULL,               -- the outbox row's external id: a repeat changes nothing
        changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (change_id, field)
    );
    CREATE INDEX change_log_lead ON crm.change_log (external_id, id);

    CREATE SCHEMA routing;
    CREATE TABLE routing.territories (
        id            text PRIMARY KEY,
        name          text NOT NULL,
        timezone      text NOT NULL,
        holidays      text NOT NULL,             -- country code (ISO 3166-1 alpha-2), as the `holidays` library knows it
        manager_name  text NOT NULL,
        manager_email text NOT NULL
    );
    CREATE TABLE routing.reps (
        id             text PRIMARY KEY,
        name           text NOT NULL,
        email          text NOT NULL,
        login          text NOT NULL,
        territories    text[] NOT NULL,
        timezone       text NOT NULL,            -- IANA name
        holidays       text NOT NULL,            -- country code of the public holidays that are free
        working_hours  jsonb NOT NULL,           -- {"mon": [["09:00", "17:30"]], …}; a missing day is free
        languages      text[] NOT NULL,          -- ISO 639-1
        skills         text[] NOT NULL,
        weight         double precision NOT NULL CHECK (weight > 0),
        daily_capacity int NOT NULL CHECK (daily_capacity >= 0),
        open_capacity  int NOT NULL CHECK (open_capacity >= 0),
        active         boolean NOT NULL DEFAULT true
    );
    CREATE TABLE routing.absences (
        id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        rep_id    text NOT NULL REFERENCES routing.reps,
        starts_at timestamptz NOT NULL,
        ends_at   timestamptz NOT NULL CHECK (ends_at > starts_at),
        reason    text NOT NULL DEFAULT ''
    );
    CREATE INDEX absences_rep ON routing.absences (rep_id, ends_at);
    -- Fair share: what each rep of a pool is owed, in leads. Weighted deficits, so that a skipped rep catches up.
    CREATE TABLE routing.credits (
        pool   text NOT NULL,                    -- territory id
        rep_id text NOT NULL REFERENCES routing.reps,
        credit double precision NOT NULL DEFAULT 0,
        PRIMARY KEY (pool, rep_id)
    );
    CREATE TABLE routing.leads (
        lead_id              text PRIMARY KEY,
        source               text NOT NULL,
        external_id          text,               -- the sender's id of this lead
        raw                  jsonb NOT NULL,     -- as received
        lead                 jsonb,              -- normalised (see domain.lead.Lead)
        state                text NOT NULL DEFAULT 'received',
        -- received | registered | invalid | merged | triage | queued | assigned | accepted | manager | discarded | withdrawn
        state_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
        received_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
        email_key            text,               -- normalised e-mail, what a duplicate is recognised by
        phone_key            text,               -- digits in international form
        person_key           text,               -- folded name + company
        duplicate_of         text REFERENCES routing.leads,
        account_id           text,
        score                jsonb,
        routing              jsonb,
        owner_id             text,
        assigned_at          timestamptz,        -- of the present assignment
        first_assigned_at    timestamptz,
        accepted_at          timestamptz,
        sla_due_at           timestamptz,
        sla_breaches         int NOT NULL DEFAULT 0,
        converted            boolean,            -- the outcome, once known: the scorer's label
        outcome_at           timestamptz,
        process_instance_key bigint,
        UNIQUE (source, external_id)
    );
    CREATE INDEX leads_email ON routing.leads (email_key) WHERE email_key IS NOT NULL;
    CREATE INDEX leads_phone ON routing.leads (phone_key) WHERE phone_key IS NOT NULL;
    CREATE INDEX leads_person ON routing.leads (person_key) WHERE person_key IS NOT NULL;
    CREATE INDEX leads_state ON routing.leads (state, received_at);
    CREATE TABLE routing.assignments (
        lead_id      text NOT NULL REFERENCES routing.leads,
        round        int  NOT NULL,
        rep_id       text NOT NULL REFERENCES routing.reps,
        pool         text,                       -- territory whose credits moved; NULL: none did (a person chose, account owner)
        local_day    date NOT NULL,              -- the rep's own calendar day, for the daily capacity
        assigned_at  timestamptz NOT NULL,
        why          text NOT NULL,
        credits      jsonb NOT NULL DEFAULT '{}',-- {rep id: change}: what an undo takes back
        accepted_at  timestamptz,
        released_at  timestamptz,
        release_why  text,
        closed_at    timestamptz,                -- outcome known: no longer counts as open
        PRIMARY KEY (lead_id, round)
    );
    CREATE INDEX assignments_open ON routing.assignments (rep_id) WHERE released_at IS NULL AND closed_at IS NULL;
    CREATE INDEX assignments_day ON routing.assignments (rep_id, local_day) WHERE released_at IS NULL;
    CREATE UNIQUE INDEX assignments_one_owner ON routing.assignments (lead_id) WHERE released_at IS NULL;
    CREATE TABLE routing.idempotency (
        key        text PRIMARY KEY,             -- token's digest + Idempotency-Key
        digest     text NOT NULL,                -- of the request body
        status     int,
        response   jsonb,
        created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE routing.models (
        version     text PRIMARY KEY,
        schema_name text NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        card        jsonb NOT NULL,
        artifact    bytea NOT NULL,
        active      boolean NOT NULL DEFAULT false
    );
    CREATE UNIQUE INDEX models_active ON routing.models (schema_name) WHERE active;
    """)


def downgrade() -> None:
    op.execute("DROP SCHEMA routing CASCADE; DROP SCHEMA crm CASCADE")
