"""Answering GraphQL over plain objects: a dictionary is an object, a function in it a field with arguments.

Without a schema, what an object does not have is refused as unknown, which is what a client must never get wrong.
"""

import base64
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from inventory_pipeline.demo.graphql import Field, GraphqlError

LARGEST_PAGE = 250
Node = dict[str, Any]


class Connection:
    """A list that is shown page by page: numbered entries in the order of their numbers, made into nodes when shown."""

    def __init__(self, entries: Sequence[tuple[int, Any]], make: Callable[[Any], Node], page: Mapping[str, Any]) -> None:
        self._entries = entries
        self._make = make
        self._page = page

    def nodes(self) -> Iterator[Node]:
        """All of them, as an export shows them."""
        return (self._make(entry) for _, entry in self._entries)

    def shown(self) -> Node:
        """The page that was asked for. Raises GraphqlError."""
        first, after = self._page.get("first"), self._page.get("after")
        if not isinstance(first, int) or not 0 < first <= LARGEST_PAGE:
            raise GraphqlError(f"you must provide `first`, of 1 to {LARGEST_PAGE}", "BAD_REQUEST")
        start = bisect_right(self._entries, _number(after), key=lambda entry: entry[0]) if after else 0
        entries = self._entries[start : start + first]
        nodes = [self._make(entry) for _, entry in entries]
        cursors = [_cursor(number) for number, _ in entries]
        return {
            "nodes": nodes,
            "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)],
            "pageInfo": {
                "hasNextPage": start + first < len(self._entries),
                "hasPreviousPage": start > 0,
                "startCursor": cursors[0] if cursors else None,
                "endCursor": cursors[-1] if cursors else None,
            },
        }


def resolve(owner: Mapping[str, Any], wanted: Field) -> Any:
    """The field's value. Raises GraphqlError where the object has no such field, or it takes no such arguments."""
    name = wanted.name
    if name not in owner:
        raise GraphqlError(f"Field '{name}' doesn't exist on type '{owner.get('__typename', 'QueryRoot')}'", "undefinedField")
    value = owner[name]
    if not callable(value):
        if wanted.arguments:
            raise GraphqlError(f"Field '{name}' takes no arguments", "argumentNotAccepted")
        return value
    try:
        return value(**wanted.arguments)
    except TypeError:
        raise GraphqlError(f"Field '{name}' doesn't accept these arguments", "argumentNotAccepted") from None


def select(value: Any, selections: Sequence[Field]) -> Any:
    """`value` with the selected fields only. Raises GraphqlError."""
    if not selections:
        return value
    if isinstance(value, Connection):
        value = value.shown()
    if isinstance(value, list):
        return [select(entry, selections) for entry in value]
    if value is None:
        return None
    return {wanted.key: select(resolve(value, wanted), wanted.selections) for wanted in selections}


def _cursor(number: int) -> str:
    return base64.b64encode(f'{{"last_id":{number}}}'.encode()).decode()


def _number(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().strip('{}"last_id:'))
    except ValueError:
        raise GraphqlError(f"'{cursor:.20}' is not a cursor", "BAD_REQUEST") from None
