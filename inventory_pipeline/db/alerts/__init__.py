"""Thresholds held against current levels, and what becomes of that: alerts, notices, routes."""
