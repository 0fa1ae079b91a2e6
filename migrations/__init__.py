"""Database schema, by Alembic; imports nothing of ours."""
