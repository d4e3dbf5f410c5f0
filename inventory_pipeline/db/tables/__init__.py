"""The tables as SQLAlchemy Core sees them. Migrations create them; a test compares the two."""
