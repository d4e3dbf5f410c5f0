"""Every query of every version fits Shopify's own schema of that version, and asks for nothing that is on its way out."""

import pytest
from graphql import parse, specified_rules, validate
from graphql.validation import NoDeprecatedCustomRule

from inventory_pipeline.connectors.shopify.queries import VERSIONS, Queries
from inventory_pipeline.connectors.toolkit.graphql import Query
from inventory_pipeline_tests.connectors.shopify_schemas import SCHEMA_OF, schema_of

ALL = [(version, query) for version in VERSIONS for query in Queries(version).all]


def names(case: tuple[str, Query]) -> str:
    return f"{case[0]}-{case[1].name}"


@pytest.mark.parametrize("case", ALL, ids=names)
def test_a_query_is_valid_in_the_schema_of_its_version(case: tuple[str, Query]) -> None:
    version, query = case
    assert validate(schema_of(version), parse(query.text), specified_rules) == []


@pytest.mark.parametrize("case", ALL, ids=names)
def test_a_query_outlives_its_version(case: tuple[str, Query]) -> None:
    """Shopify answers a version that it has given up with the oldest that it still has."""
    assert validate(schema_of(VERSIONS[-1]), parse(case[1].text), specified_rules) == []


@pytest.mark.parametrize("case", [case for case in ALL if case[0] == VERSIONS[-1]], ids=names)
def test_the_newest_version_asks_for_nothing_deprecated(case: tuple[str, Query]) -> None:
    version, query = case
    assert validate(schema_of(version), parse(query.text), [NoDeprecatedCustomRule]) == []


@pytest.mark.parametrize("name", ["InventoryExported", "InventoryPage", "InventoryLevels"])
def test_before_2026_04_levels_are_asked_for_as_the_oldest_version_has_them(name: str) -> None:
    texts = {query.text for version in ("2025-10", "2026-01") for query in Queries(version).all if query.name == name}
    assert len(texts) == 1
    assert "nactive" not in texts.pop()


def test_a_version_that_knows_operations_by_id_does_not_ask_for_the_current_one() -> None:
    polls = {version: Queries(version).poll.text for version in VERSIONS}
    assert [version for version, text in polls.items() if "currentBulkOperation" in text] == ["2025-10"]
    assert validate(schema_of("2025-10"), parse(polls["2026-07"]), specified_rules), "the schemas do tell versions apart"


def test_every_version_is_held_against_a_schema() -> None:
    assert set(SCHEMA_OF) == set(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_export_keeps_to_the_rules_of_bulk_operations(version: str) -> None:
    """Found by Shopify's validators, recorded: edges and node, un-aliased ids, at most 65,535 bytes."""
    exported = Queries(version).exported
    assert "nodes" not in exported
    assert "pageInfo" not in exported
    assert exported.count("edges { node {") == 2
    assert len(exported) < 65_535
