"""Looking an account up reads indexes: its name without accents and its number's digits are kept beside the row."""

from alembic import op

revision = "0060"
down_revision = "0040"


def upgrade() -> None:
    op.execute(r"""
    ALTER TABLE crm.accounts
        ADD COLUMN name_key text GENERATED ALWAYS AS (
            regexp_replace(normalize(lower(name), NFKD), '[\u0300-\u036f]', '', 'g')) STORED,
        ADD COLUMN phone_digits text GENERATED ALWAYS AS (regexp_replace(phone, '[^0-9]', '', 'g')) STORED;
    CREATE INDEX accounts_country ON crm.accounts (country);
    CREATE INDEX accounts_phone ON crm.accounts (phone_digits);
    """)


def downgrade() -> None:
    op.execute("""
    DROP INDEX crm.accounts_phone;
    DROP INDEX crm.accounts_country;
    ALTER TABLE crm.accounts DROP COLUMN name_key, DROP COLUMN phone_digits;
    """)
