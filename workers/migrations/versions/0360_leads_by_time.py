"""Leads of a long time: looked up in an index alone, and counted by day once the day is over."""

from alembic import op

# `extract` computes in decimal, `date_part` in binary: of a month's leads that is most of the time.
revision = "0360"
down_revision = "0340"

_VIEW = """
    CREATE OR REPLACE VIEW control.lead_speed AS
    SELECT l.lead_id, l.process_instance_key AS instance_key, {team} AS team, l.state, l.received_at,
           l.first_assigned_at, l.accepted_at, l.owner_id, l.assigned_at, l.sla_due_at, l.sla_breaches, total.seconds,
           human.seconds AS human_seconds, total.seconds - human.seconds AS system_seconds
    FROM routing.leads l
    CROSS JOIN LATERAL (SELECT date_part('epoch', l.accepted_at - l.received_at) AS seconds) AS total
    LEFT JOIN control.instances i ON i.key = l.process_instance_key
    CROSS JOIN LATERAL (
        SELECT CASE WHEN i.key IS NOT NULL AND total.seconds IS NOT NULL THEN least(i.human_seconds, total.seconds) END
               AS seconds
    ) AS human
"""

_DAYS = """
    -- Leads by the day on which they were received (UTC) and by territory ('': all together), made when the day is over.
    CREATE TABLE control.lead_days (
        day      date   NOT NULL,
        team     text   NOT NULL,
        leads    bigint NOT NULL,
        assigned bigint NOT NULL,
        accepted bigint NOT NULL,
        met      bigint NOT NULL,
        missed   bigint NOT NULL,
        breaches bigint,
        bands    bigint[] NOT NULL,              -- of those accepted, by band of speed
        PRIMARY KEY (day, team)
    );
    -- How long they took, in classes of duration (control.class_of).
    CREATE TABLE control.lead_day_classes (
        day    date     NOT NULL,
        team   text     NOT NULL,
        part   text     NOT NULL,                -- total, system or human
        class  smallint NOT NULL,
        number bigint   NOT NULL,
        PRIMARY KEY (day, team, part, class)
    );
    CREATE TABLE control.lead_days_made (day date PRIMARY KEY);
    -- A row for each change that a day that is over has had since it was made. No key: who writes one waits for nobody.
    CREATE TABLE control.lead_days_changed (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL);
    CREATE INDEX lead_days_changed_day ON control.lead_days_changed (day);

    CREATE FUNCTION control.day_of(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
        AS $$ SELECT (at AT TIME ZONE 'UTC')::date $$;
    CREATE FUNCTION control.lead_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO control.lead_days_changed (day)
            VALUES (control.day_of(CASE TG_OP WHEN 'DELETE' THEN OLD.received_at ELSE NEW.received_at END));
        RETURN NULL;
    END $$;
    -- A lead is older than its instance, by a moment in which the day may have changed.
    CREATE FUNCTION control.instance_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO control.lead_days_changed (day)
            SELECT control.day_of(NEW.started_at) - before FROM generate_series(0, 1) AS before;
        RETURN NULL;
    END $$;
    CREATE TRIGGER lead_days_new AFTER INSERT OR UPDATE OF routing, received_at, first_assigned_at, accepted_at,
        sla_breaches, process_instance_key ON routing.leads FOR EACH ROW
        WHEN (NEW.received_at < date_trunc('day', now(), 'UTC')) EXECUTE FUNCTION control.lead_changed();
    CREATE TRIGGER lead_days_gone AFTER DELETE ON routing.leads FOR EACH ROW
        WHEN (OLD.received_at < date_trunc('day', now(), 'UTC')) EXECUTE FUNCTION control.lead_changed();
    CREATE TRIGGER lead_days_people AFTER INSERT OR UPDATE OF human_seconds, started_at ON control.instances FOR EACH ROW
        WHEN (NEW.process = 'lead_routing' AND NEW.started_at < date_trunc('day', now(), 'UTC'))
        EXECUTE FUNCTION control.instance_changed();
"""


def upgrade() -> None:
    op.execute("ALTER TABLE routing.leads ADD territory text GENERATED ALWAYS AS (routing->>'territory') STORED")
    op.execute(_VIEW.format(team="l.territory"))
    op.execute("DROP INDEX routing.leads_received")
    op.execute("""
        CREATE INDEX leads_received ON routing.leads (received_at) INCLUDE (lead_id, process_instance_key, territory, state,
            first_assigned_at, accepted_at, owner_id, assigned_at, sla_due_at, sla_breaches)
    """)
    op.execute(_DAYS)


def downgrade() -> None:
    op.execute("""
        DROP TRIGGER lead_days_people ON control.instances;
        DROP TRIGGER lead_days_gone ON routing.leads;
        DROP TRIGGER lead_days_new ON routing.leads;
        DROP FUNCTION control.instance_changed(), control.lead_changed(), control.day_of(timestamptz);
        DROP TABLE control.lead_days_changed, control.lead_days_made, control.lead_day_classes, control.lead_days
    """)
    op.execute("DROP INDEX routing.leads_received")
    op.execute("CREATE INDEX leads_received ON routing.leads (received_at)")
    op.execute(_VIEW.format(team="l.routing->>'territory'"))
    op.execute("ALTER TABLE routing.leads DROP territory")
