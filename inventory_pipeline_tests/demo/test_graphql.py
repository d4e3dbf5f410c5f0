"""The demo's own GraphQL: what it reads, what it refuses, how it pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.demo.graphql import Field, GraphqlError, parse
from inventory_pipeline.demo.graphql_values import Connection, select

NUMBERS = list(range(10, 60, 2))
PAGE = (
    "query($n: Int, $after: String) { numbers(first: $n, after: $after) { nodes { number } pageInfo { hasNextPage endCursor } } }"
)
SHOP = {
    "__typename": "QueryRoot",
    "name": "Driftwood",
    "none": None,
    "owner": {"__typename": "Person", "name": "Nobody"},
    "numbers": lambda **page: Connection([(number, number) for number in NUMBERS], lambda number: {"number": number}, page),
    "sum": lambda of, twice=False: sum(of) * (2 if twice else 1),
}


def answer(query: str, **variables: object) -> object:
    return select(SHOP, parse(query, variables)[1])


def refused(query: str, **variables: object) -> str:
    with pytest.raises(GraphqlError) as caught:
        answer(query, **variables)
    return caught.value.code


def test_an_operation_is_read_with_its_arguments_variables_and_aliases() -> None:
    kind, fields = parse(
        'query Q($a: Int! = 3, $b: [String!]) { x: y(n: $a, s: "t", l: [1, -2], w: true, e: ASC) { z } }', {"a": 7}
    )
    assert kind == "query"
    assert fields == [Field("y", "x", {"n": 7, "s": "t", "l": [1, -2], "w": True, "e": "ASC"}, [Field("z", "z")])]


def test_only_what_is_selected_is_answered() -> None:
    found = answer("{ title: name none { any } owner { name __typename } sum(of: [1, 2], twice: true) }")
    assert found == {"title": "Driftwood", "none": None, "owner": {"name": "Nobody", "__typename": "Person"}, "sum": 6}


@pytest.mark.parametrize(
    "query", ["", "{", "{ name", "{ name } }", "subscription { name }", "{ ...part }", "{ name(a: ) }", "{ é }"]
)
def test_what_is_not_graphql_is_refused(query: str) -> None:
    assert refused(query) == "syntaxError"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ colour }", "undefinedField"),
        ("{ owner { age } }", "undefinedField"),
        ("{ name(first: 3) }", "argumentNotAccepted"),
        ("{ sum(off: [1]) }", "argumentNotAccepted"),
        ("{ numbers { nodes { number } } }", "BAD_REQUEST"),
        ("{ numbers(first: 251) { nodes { number } } }", "BAD_REQUEST"),
        ('{ numbers(first: 2, after: "nonsense") { nodes { number } } }', "BAD_REQUEST"),
    ],
)
def test_what_is_not_there_is_refused(query: str, code: str) -> None:
    assert refused(query) == code


@given(st.integers(1, 60))
def test_pages_give_everything_once_and_in_order(first: int) -> None:
    found: list[int] = []
    after = None
    while True:
        page = select(SHOP, parse(PAGE, {"n": first, "after": after})[1])["numbers"]
        found += [node["number"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert found == NUMBERS
