"""Answers that conform to a platform's own contract, made up by Hypothesis: what a server may say, not what one said."""

import math
from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)
from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]
TEXTS = st.text(max_size=8)
INTEGERS = st.integers(-(2**31), 2**31 - 1)
_SCALARS: Mapping[str, Strategy] = {
    "String": TEXTS,
    "ID": st.sampled_from(["1", "2", "3", "4"]),
    "Int": INTEGERS,
    "Float": st.floats(allow_nan=False, allow_infinity=False),
    "Boolean": st.booleans(),
}


def graphql_data(schema: GraphQLSchema, query: str) -> Strategy:
    """`data` of answers to a query, with null wherever the schema allows it."""
    (operation,) = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert schema.query_type is not None
    return _selected(schema.query_type, operation.selection_set)


def _selected(kind: GraphQLObjectType, selection: SelectionSetNode) -> Strategy:
    fields: dict[str, Strategy] = {}
    for node in selection.selections:
        assert isinstance(node, FieldNode)
        fields[node.name.value] = _value(kind.fields[node.name.value].type, node.selection_set)
    return st.fixed_dictionaries(fields)


def _value(kind: GraphQLOutputType, selection: SelectionSetNode | None) -> Strategy:
    if isinstance(kind, GraphQLNonNull):
        return _present(kind.of_type, selection)
    return st.none() | _present(kind, selection)


def _present(kind: GraphQLOutputType, selection: SelectionSetNode | None) -> Strategy:
    if isinstance(kind, GraphQLList):
        return st.lists(_value(kind.of_type, selection), max_size=3)
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from(sorted(kind.values))
    if isinstance(kind, GraphQLScalarType):
        return _SCALARS[kind.name]
    assert isinstance(kind, GraphQLObjectType)
    assert selection is not None
    return _selected(kind, selection)


def openapi_value(contract: Mapping[str, Any], schema: Mapping[str, Any], known: Mapping[str, Strategy]) -> Strategy:
    """Values of an OpenAPI 3.0 schema. `known` has strategies for properties of a name, such as ids that meet each other."""
    if reference := schema.get("$ref"):
        target = contract["components"]["schemas"][reference.rpartition("/")[2]]
        return openapi_value(contract, target, known)
    value = _typed(contract, schema, known)
    return st.none() | value if schema.get("nullable") else value


def _typed(contract: Mapping[str, Any], schema: Mapping[str, Any], known: Mapping[str, Strategy]) -> Strategy:
    if choices := schema.get("enum"):
        return st.sampled_from(choices)
    kind = schema.get("type", "object")
    if kind == "array":
        return st.lists(openapi_value(contract, schema["items"], known), max_size=3)
    if kind == "object":
        wanted = set(schema.get("required", ()))
        made = {
            name: known[name] if name in known else openapi_value(contract, part, known)
            for name, part in schema.get("properties", {}).items()
        }
        required = {name: strategy for name, strategy in made.items() if name in wanted or name in known}
        return st.fixed_dictionaries(required, optional={name: made[name] for name in made.keys() - required.keys()})
    if kind == "number":
        return INTEGERS | st.floats(-1e12, 1e12).filter(math.isfinite)
    return {"string": TEXTS, "boolean": st.booleans(), "integer": INTEGERS}[kind]
