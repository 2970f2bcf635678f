"""Alembic's entry: runs the migrations on the connection that api.store.upgrade hands over."""

from __future__ import annotations

from alembic import context

from api.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=False,
)
with context.begin_transaction():
    context.run_migrations()
