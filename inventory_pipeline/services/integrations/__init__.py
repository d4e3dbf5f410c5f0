"""Store integrations and the credentials they refer to."""
