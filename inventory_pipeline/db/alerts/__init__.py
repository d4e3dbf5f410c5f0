"""Threshold rules, their evaluation against current levels, the alerts that follow, and the notices of these."""
