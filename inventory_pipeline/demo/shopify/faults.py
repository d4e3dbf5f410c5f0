"""Faults of Shopify: of its answers, its limits and its bulk operations."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Unpack

from inventory_pipeline.demo.faults import Faults, When
from inventory_pipeline.demo.graphql import GraphqlError
from inventory_pipeline.demo.messages import Answer, Body, Request, Respond


class ShopifyFaults(Faults):
    """Faults of one shop. `operation` restricts one to the GraphQL operation of that name; else it meets every request."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[dict[str, Any]] = []

    def throttled(self, *, status: int = 200, operation: str = "", told: bool = True, times: int = 1) -> None:
        """Refuses `times` queries for want of points; `told` says how many there are."""
        bucket = {"maximumAvailable": 2000.0, "currentlyAvailable": 0, "restoreRate": 100_000.0}
        cost = {"requestedQueryCost": 100, "actualQueryCost": None, "throttleStatus": bucket}
        errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
        body = {"errors": errors, "extensions": {"cost": cost}} if told else {"errors": errors}
        self._answer(Answer(status, JSON, Body.of_json(body)), operation, times)

    def error(self, code: str, message: str = "Internal error", *, operation: str = "", times: int = 1) -> None:
        """An error in a 200, without data."""
        body = {"data": None, "errors": [{"message": message, "extensions": {"code": code}}]}
        self._answer(Answer(200, JSON, Body.of_json(body)), operation, times)

    def nulled(self, *path: str, operation: str = "", denied: str = "", times: int = 1) -> None:
        """Puts a null into the answer's data at `path`; with `denied`, together with the error that says why."""

        def change(body: Any) -> Any:
            owner = body
            for name in ("data", *path[:-1]):
                owner = owner[name]
            owner[path[-1]] = None
            if denied:
                access = {"code": "ACCESS_DENIED", "requiredAccess": f"`{denied}` access scope."}
                body["errors"] = [{"message": f"Access denied for {path[-1]} field.", "path": list(path), "extensions": access}]
            return body

        self._edit(change, operation, times)

    def edit(self, change: Callable[[Any], Any], *, operation: str = "", times: int = 10**9) -> None:
        """Passes the decoded answers of an operation through `change`."""
        self._edit(change, operation, times)

    def falls_forward(self, version: str, **when: Unpack[When]) -> None:
        """Says that another version answered than was asked."""
        headers = {"X-Shopify-API-Version": version}
        self._change(lambda answer: replace(answer, headers={**answer.headers, **headers}), when)

    def next_export(self, **ends: Any) -> None:
        """How the next bulk operation ends: `end="FAILED", error_code="TIMEOUT", partial=True`, or `looks=1`."""
        self.ends.append(ends)

    def _answer(self, answer: Answer, operation: str, times: int) -> None:
        self._on_operation(lambda _request, _respond: answer, operation, times)

    def _edit(self, change: Callable[[Any], Any], operation: str, times: int) -> None:
        def edit(request: Request, respond: Respond) -> Answer:
            answer = respond(request)
            return replace(answer, body=Body.of_json(change(json.loads(answer.body.raw))))

        self._on_operation(edit, operation, times)

    def _on_operation(self, fault: Callable[[Request, Respond], Answer], operation: str, times: int) -> None:
        left = [times]

        def struck(request: Request, respond: Respond) -> Answer:
            meant = request.path.endswith("/graphql.json") and operation in ("", operation_of(request))
            if not meant or left[0] <= 0:
                return respond(request)
            left[0] -= 1
            return fault(request, respond)

        self.add(struck)


JSON: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8"}


def operation_of(request: Request) -> str:
    """The `operationName` of a GraphQL request; empty where there is none."""
    try:
        asked = json.loads(request.body)
    except ValueError:
        raise GraphqlError("the request's body is no JSON", "BAD_REQUEST") from None
    return str(asked.get("operationName") or "")
