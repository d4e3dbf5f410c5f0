"""The inventory database: tables, migrations, and every statement that reads or writes them. SQLite and PostgreSQL alike."""
