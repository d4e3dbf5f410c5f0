"""Sending notices: Apprise for people, signed JSON for programs. Imports no database and no store."""
