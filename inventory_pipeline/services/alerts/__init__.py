"""Alerts: the hourly check, people's decisions, the threshold rules, and the notices."""
