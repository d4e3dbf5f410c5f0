"""Launchpads as forms, for people who know only the web UI."""

from collections.abc import Mapping

import dagster as dg


def form_of(op: str, schema: Mapping[str, dg.Field]) -> dg.ConfigMapping:
    """The launchpad shows the op's form alone, not nested under `ops`."""
    return dg.ConfigMapping(config_schema=schema, config_fn=lambda form: {"ops": {op: {"config": form}}})
