"""Closing a case waits for effects under way; a new outbox row wakes the dispatchers."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
    -- A job holds this lock shared while its effect is under way (workers/runtime/unit.py); who closes the case takes
    -- it alone. So, once the case is closed, every effect either is committed and can be seen, or will be refused.
    CREATE FUNCTION runtime.case_lock(business_id text) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS $$ SELECT hashtextextended('fairlead case ' || business_id, 0) $$;
    CREATE FUNCTION runtime.close_case() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(runtime.case_lock(NEW.business_id));
        RETURN NEW;
    END $$;
    CREATE TRIGGER close_case BEFORE INSERT ON runtime.closed_cases
        FOR EACH ROW EXECUTE FUNCTION runtime.close_case();

    CREATE FUNCTION runtime.wake_dispatchers() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('fairlead_outbox', '');
        RETURN NULL;
    END $$;
    CREATE TRIGGER wake_dispatchers AFTER INSERT ON runtime.outbox
        FOR EACH STATEMENT EXECUTE FUNCTION runtime.wake_dispatchers();

    -- What an undo looks for: the effects of one task in one case.
    CREATE INDEX effects_task ON runtime.effects (business_id, task) WHERE undone_at IS NULL;
    """)


def downgrade() -> None:
    op.execute("""
    DROP INDEX runtime.effects_task;
    DROP TRIGGER wake_dispatchers ON runtime.outbox;
    DROP FUNCTION runtime.wake_dispatchers();
    DROP TRIGGER close_case ON runtime.closed_cases;
    DROP FUNCTION runtime.close_case();
    DROP FUNCTION runtime.case_lock(text);
    """)
