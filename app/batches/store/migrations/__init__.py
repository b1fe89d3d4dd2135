"""Alembic's scripts: how tables of released versions become today's."""
