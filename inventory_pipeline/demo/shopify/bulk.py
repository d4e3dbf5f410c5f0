"""Bulk operations of a demo shop: begun, looked at, finished, and their results as JSON lines."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inventory_pipeline.demo.graphql import Field, GraphqlError, parse
from inventory_pipeline.demo.graphql_values import Connection, Node, resolve, select
from inventory_pipeline.demo.shopify.nodes import gid

# Children come after their parents, but not right after them: so many parents, then the children of all of them.
STRIDE = 100
_compact = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Operation:
    """`looks` is how often a client must look before it ends as `end` says: a status, and an error code if it failed.

    `result` holds the lines, and is empty where nothing was found; `partial` leaves half of them to a failed operation.
    It does not end before it is `ready`.
    """

    number: int
    query: str
    status: str = "CREATED"
    looks: int = 2
    end: str = "COMPLETED"
    error_code: str | None = None
    partial: bool = False
    ready: bool = True
    result: bytes = b""
    objects: int = 0
    roots: int = 0

    @property
    def id(self) -> str:
        return gid("BulkOperation", self.number)

    @property
    def is_under_way(self) -> bool:
        return self.status in ("CREATED", "RUNNING")

    def advance(self) -> None:
        """Some time passes."""
        if self.is_under_way:
            self.looks -= 1
            self.status = self.end if self.looks <= 0 and self.ready else "RUNNING"

    def told(self, address: str) -> Node:
        """As the API shows it; `address` is where its result lies."""
        done = self.status == "COMPLETED"
        return {
            "__typename": "BulkOperation",
            "id": self.id,
            "status": self.status,
            "errorCode": self.error_code if self.status == "FAILED" else None,
            "objectCount": str(self.objects if done else self.objects // 2),
            "rootObjectCount": str(self.roots if done else self.roots // 2),
            "fileSize": str(len(self.result)) if done and self.result else None,
            "url": address if done and self.result else None,
            "partialDataUrl": address if self.status == "FAILED" and self.partial else None,
            "query": self.query,
            "type": "QUERY",
        }


def check_exportable(query: str) -> Field:
    """The one root connection of the query. Raises GraphqlError with the code INVALID, as Shopify's validators do."""
    kind, selections = parse(query)
    if kind != "query" or len(selections) != 1:
        raise GraphqlError("Bulk queries must contain exactly one root connection", "INVALID")
    _check_connection(selections[0], depth=0)
    return selections[0]


def _check_connection(connection: Field, depth: int) -> None:
    node = _node_of(connection)
    if depth > 2:
        raise GraphqlError("Bulk queries cannot nest connections more than two deep", "INVALID")
    nested = [field for field in _below(node.selections) if any(inner.name == "edges" for inner in field.selections)]
    if nested and not any(field.name == field.key == "id" for field in node.selections):
        raise GraphqlError(
            "The parent 'node' field for a nested connection must select the 'id' field without an alias", "INVALID"
        )
    for field in nested:
        _check_connection(field, depth + 1)


def _below(selections: Sequence[Field]) -> Iterator[Field]:
    for field in selections:
        yield field
        if not any(inner.name == "edges" for inner in field.selections):
            yield from _below(field.selections)


def _node_of(connection: Field) -> Field:
    edges = next((field for field in connection.selections if field.name == "edges"), None)
    node = next((field for field in edges.selections if field.name == "node"), None) if edges else None
    if node is None:
        raise GraphqlError("Queries that do not return a connection's edges { node } cannot be run in bulk", "INVALID")
    return node


def export(operation: Operation, root: Connection, connection: Field) -> None:
    """Fills in the operation's lines, how many they are, and how many of them are roots."""
    lines: list[bytes] = []
    roots = 0
    waiting: list[Node] = []
    node = _node_of(connection)
    for value in root.nodes():
        line, children = _line(value, node.selections)
        lines.append(_encoded(line))
        waiting.extend({**child, "__parentId": line["id"]} for child in children)
        roots += 1
        if roots % STRIDE == 0:
            lines.extend(map(_encoded, waiting))
            waiting.clear()
    lines.extend(map(_encoded, waiting))
    operation.result, operation.objects, operation.roots = b"".join(lines), len(lines), roots


def _line(value: Node, selections: Sequence[Field]) -> tuple[Node, list[Node]]:
    """The object without its connections, and the objects of those."""
    shown: Node = {}
    children: list[Node] = []
    for field in selections:
        found = resolve(value, field)
        if isinstance(found, Connection):
            children.extend(select(node, _node_of(field).selections) for node in found.nodes())
        elif isinstance(found, dict) and field.selections:
            shown[field.key], inner = _line(found, field.selections)
            children.extend(inner)
        else:
            shown[field.key] = select(found, field.selections)
    return shown, children


def _encoded(line: Node) -> bytes:
    return _compact(line).replace("/", "\\/").encode() + b"\n"
