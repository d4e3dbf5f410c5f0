"""A demo shop's bulk operations: how many at once, which is the latest, and where their results lie."""

import secrets
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from inventory_pipeline.demo.faults import Faults
from inventory_pipeline.demo.graphql import Field, GraphqlError
from inventory_pipeline.demo.graphql_values import Connection, Node
from inventory_pipeline.demo.messages import Answer, Body, Request
from inventory_pipeline.demo.server import DemoServer
from inventory_pipeline.demo.shopify.bulk import Operation, check_exportable, export
from inventory_pipeline.demo.shopify.faults import ShopifyFaults

TOKEN_HEADERS = ("x-shopify-access-token", "authorization", "cookie")


class Storage(DemoServer):
    """Files under signed addresses. A request that carries a token is refused: it would have given the token away."""

    def __init__(self) -> None:
        self.faults = Faults()
        super().__init__(self.faults)
        self._files: dict[str, tuple[str, bytes]] = {}

    def keep(self, name: str, content: bytes) -> str:
        """Stores a file and returns its signed address."""
        path = f"/shopify-tiers-assets-demo/{name}.jsonl"
        signature = secrets.token_hex(32)
        self._files[path] = (signature, content)
        shown = quote(f'attachment; filename="{name}.jsonl"')
        return (
            f"{self.url}{path}?GoogleAccessId=demo&Expires=1796000000&Signature={signature}&response-content-disposition={shown}"
        )

    def expire(self) -> None:
        """Every address is too old from now on."""
        self._files = {path: ("", content) for path, (_, content) in self._files.items()}

    def answer(self, request: Request) -> Answer:
        if any(name in request.headers for name in TOKEN_HEADERS):
            return _refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        signature, content = self._files.get(request.path, ("", b""))
        if not content:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        if not signature or request.params.get("Signature") != signature:
            return _refusal(400 if not signature else 403, "ExpiredToken", "Invalid argument.")
        # Not compressed again for each download: an export may be large.
        return Answer(200, {"Content-Type": "application/jsonl", "Content-Encoding": "identity"}, Body(content))


def _refusal(status: int, code: str, message: str) -> Answer:
    page = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, {"Content-Type": "application/xml; charset=UTF-8"}, Body(page.encode()))


FIRST = 5_000_000_000_001
AT_ONCE = 1.0  # seconds: most exports are ready before their first answer, so that a test knows how often it must look


class Exports:
    """All operations of one app in one shop."""

    def __init__(self, storage: Storage, faults: ShopifyFaults) -> None:
        self.operations: list[Operation] = []
        self._storage = storage
        self._faults = faults
        self._addresses: dict[str, str] = {}
        self._lock = threading.Lock()

    def occupy(self, count: int = 1, *, attempts: int = 1) -> None:
        """Operations of the same app that somebody else has begun: they end after so many attempts to begin another."""
        for _ in range(count):
            self.operations.append(Operation(FIRST + len(self.operations), "{}", looks=attempts))

    def run(self, query: str, most: int, resolved: Callable[[Field], Connection]) -> Node:
        """The answer to bulkOperationRunQuery, of which `most` may run at once. `resolved` gives the root connection."""
        with self._lock:
            try:
                connection = check_exportable(query)
            except GraphqlError as error:
                return _payload(None, error.code, str(error))
            busy = [operation for operation in self.operations if operation.is_under_way]
            if len(busy) >= most:
                for operation in busy:
                    operation.advance()
                ids = ", ".join(operation.id for operation in busy)
                told = f"A bulk query operation for this app and shop is already in progress: {ids}."
                return _payload(None, "OPERATION_IN_PROGRESS", told)
            ends = self._faults.ends.pop(0) if self._faults.ends else {}
            operation = Operation(FIRST + len(self.operations), query, ready=False, **ends)
            self.operations.append(operation)
            work = threading.Thread(target=_work, args=(operation, connection, resolved), daemon=True)
            work.start()
            work.join(AT_ONCE)
            return _payload(operation.told(self._address(operation)))

    def look(self, id: str) -> Node | None:  # noqa: A002 - the argument's name in the API
        """One operation, a little later than at the look before."""
        with self._lock:
            found = next((operation for operation in self.operations if operation.id == id), None)
            if found is None:
                return None
            found.advance()
            return found.told(self._address(found))

    def latest(self) -> Node | None:
        return self.look(self.operations[-1].id) if self.operations else None

    def cancel(self, id: str) -> Node:  # noqa: A002
        found = next((operation for operation in self.operations if operation.id == id), None)
        if found is None:
            return _payload(None, "INVALID", "Bulk operation does not exist")
        if found.is_under_way:
            found.status = "CANCELED"
        return _payload(found.told(""))

    def _address(self, operation: Operation) -> str:
        if operation.id not in self._addresses and operation.result and not operation.is_under_way:
            content = operation.result
            if operation.partial:
                content = content[: content.rindex(b"\n", 0, len(content) // 2) + 1]
            self._addresses[operation.id] = self._storage.keep(f"bulk-{operation.number}", content)
        return self._addresses.get(operation.id, "")


def _work(operation: Operation, connection: Field, resolved: Callable[[Field], Connection]) -> None:
    try:
        export(operation, resolved(connection), connection)
    except GraphqlError as error:
        operation.end, operation.error_code = "FAILED", error.code
    operation.ready = True


def _payload(operation: Node | None, code: str = "", message: str = "") -> Node:
    errors: list[dict[str, Any]] = [{"field": None, "message": message, "code": code}] if code else []
    return {"bulkOperation": operation, "userErrors": errors}
