"""What the CRM said last of how a lead ended: whoever brings it, the same word has its effect once. And attempts that failed,
for the page that lists them.
"""

from alembic import op

revision = "0410"
down_revision = "0400"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE sync.records ADD COLUMN outcome boolean; -- whether it converted there; NULL: nothing was said yet
    UPDATE sync.records s SET outcome = l.converted FROM routing.leads l
        WHERE l.lead_id = s.lead_id AND l.converted IS NOT NULL;
    ALTER TABLE sync.differences DROP CONSTRAINT differences_kind_check,
        ADD CONSTRAINT differences_kind_check
            CHECK (kind IN ('different', 'only here', 'only there', 'gone there', 'ended there'));
    CREATE INDEX attempts_failed ON webhooks.attempts (id DESC) WHERE outcome <> 'delivered';
    """)


def downgrade() -> None:
    op.execute("""
    DROP INDEX webhooks.attempts_failed;
    DELETE FROM sync.differences WHERE kind = 'ended there';
    ALTER TABLE sync.differences DROP CONSTRAINT differences_kind_check,
        ADD CONSTRAINT differences_kind_check CHECK (kind IN ('different', 'only here', 'only there', 'gone there'));
    ALTER TABLE sync.records DROP COLUMN outcome;
    """)
