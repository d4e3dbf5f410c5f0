"""Store integrations, their secrets, and who changed what."""
