"""Alembic's entry point: runs every migration on the connection that `database.upgrade` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="schema_version", transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
