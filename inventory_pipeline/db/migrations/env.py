"""Alembic's entry: runs on the connection, and inside the transaction, that `inventory_pipeline.db.migrate` hands over."""

from alembic import context

from inventory_pipeline.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
