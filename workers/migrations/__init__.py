"""Database migrations (alembic); applied by `workers.runtime.database.upgrade`."""
