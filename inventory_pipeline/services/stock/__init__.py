"""Stock as people see it: charts, the report, figures for a monitor."""
