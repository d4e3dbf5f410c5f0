"""Alerts: the hourly check, people's decisions about them, the rules, and the notices that leave the house."""
