"""What operators do: the audit trail, and dead letters that were settled by a person."""

from alembic import op

revision = "0020"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
    -- One row for each thing an operator or a repair policy did to one target. It is written before the action and gets
    -- its outcome afterwards; a row without an outcome means that the action was cut short and may have taken effect.
    CREATE TABLE runtime.audit (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at          timestamptz NOT NULL DEFAULT clock_timestamp(),
        actor       text        NOT NULL,                 -- a person's log-in, or 'policy:<name>'
        action      text        NOT NULL,                 -- 'incident.retry', 'dead_letter.skip', …
        target      text        NOT NULL,                 -- what was acted on, as the lists name it
        subject     text        NOT NULL,                 -- what stays the same over repeats: 'job:<key>', 'crm.lead:<id>'
        business_id text        NOT NULL DEFAULT '',
        why         text        NOT NULL CHECK (why <> ''),
        before      jsonb       NOT NULL DEFAULT '{}',
        after       jsonb       NOT NULL DEFAULT '{}',
        outcome     text,                                 -- 'done', 'refused: …', 'failed: …'
        settled_at  timestamptz
    );
    CREATE INDEX audit_at ON runtime.audit (at);
    CREATE INDEX audit_subject ON runtime.audit (subject, at);

    -- Nobody rewrites it: a row can only be given its outcome, once.
    CREATE FUNCTION runtime.keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.outcome IS NULL AND NEW.outcome IS NOT NULL
           AND (to_jsonb(NEW) - '{after,outcome,settled_at}'::text[])
             = (to_jsonb(OLD) - '{after,outcome,settled_at}'::text[]) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'The audit trail is not changed.';
    END $$;
    CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON runtime.audit
        FOR EACH ROW EXECUTE FUNCTION runtime.keep_audit();
    CREATE TRIGGER keep_audit_whole BEFORE TRUNCATE ON runtime.audit
        FOR EACH STATEMENT EXECUTE FUNCTION runtime.keep_audit();

    -- A dead letter that nobody will send: given up, or done by hand. Who did it, and why.
    ALTER TABLE runtime.dead_letters
        ADD settled_at  timestamptz,
        ADD settled_how text CHECK (settled_how IN ('given up', 'done by hand')),
        ADD settled_by  text,
        ADD settled_why text;
    CREATE INDEX dead_letters_open ON runtime.dead_letters (id) WHERE settled_at IS NULL;
    CREATE INDEX delivered_case ON runtime.delivered (business_id, channel, delivered_at);
    """)


def downgrade() -> None:
    op.execute("""
    DROP INDEX runtime.delivered_case;
    DROP INDEX runtime.dead_letters_open;
    ALTER TABLE runtime.dead_letters
        DROP settled_at, DROP settled_how, DROP settled_by, DROP settled_why;
    DROP TABLE runtime.audit;
    DROP FUNCTION runtime.keep_audit();
    """)
