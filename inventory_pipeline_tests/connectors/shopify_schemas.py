"""Shopify's own schemas, pruned to what touches inventory, where INVENTORY_CONTRACTS says that they are."""

from functools import cache
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema

from inventory_pipeline_tests.connectors.contracts import contract

# Schemas of two versions are at hand. What lies between them is held against the newer one, which has all they have.
SCHEMA_OF = {"2025-10": "2025-10", "2026-01": "2026-07", "2026-04": "2026-07", "2026-07": "2026-07"}


def schema_of(version: str) -> GraphQLSchema:
    """The schema that the version's queries must fit. Skips the test where there is none."""
    file = contract("shopify", f"inventory-{SCHEMA_OF[version]}.pruned.graphql")
    if not file.is_file():
        pytest.skip(f"{file} is not there: no schema to hold queries against")
    return _schema(file)


@cache
def _schema(file: Path) -> GraphQLSchema:
    return build_schema(file.read_text())
