"""Showing stock: charts, the HTML report, metrics for a monitor."""
