"""Dagster's web UI as this project starts it: behind a gate, with daemon and code server."""
