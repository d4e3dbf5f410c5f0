"""Use cases. Each takes its collaborators as arguments; none knows Dagster, the command line or the environment."""
