"""Syncs in the database: staging a read, comparing it, publishing it as a snapshot, and the lease of a store."""
