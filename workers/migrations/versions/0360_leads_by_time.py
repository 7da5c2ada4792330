"""Leads of a long time are looked up in an index alone: their rows, with all that a form sent, are never read for figures."""

from alembic import op

# `extract` computes in decimal, `date_part` in binary: of a month's leads that is most of the time.
revision = "0360"
down_revision = "0297"

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


def upgrade() -> None:
    op.execute("ALTER TABLE routing.leads ADD territory text GENERATED ALWAYS AS (routing->>'territory') STORED")
    op.execute(_VIEW.format(team="l.territory"))
    op.execute("DROP INDEX routing.leads_received")
    op.execute("""
        CREATE INDEX leads_received ON routing.leads (received_at) INCLUDE (lead_id, process_instance_key, territory, state,
            first_assigned_at, accepted_at, owner_id, assigned_at, sla_due_at, sla_breaches)
    """)


def downgrade() -> None:
    op.execute("DROP INDEX routing.leads_received")
    op.execute("CREATE INDEX leads_received ON routing.leads (received_at)")
    op.execute(_VIEW.format(team="l.routing->>'territory'"))
    op.execute("ALTER TABLE routing.leads DROP territory")
