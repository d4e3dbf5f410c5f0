"""One truthful picture of stock across many stores, kept by Dagster."""
