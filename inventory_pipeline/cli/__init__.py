"""The `inventory-pipeline` command: one file per noun. Dagster and the heavier rooms are imported inside commands."""
