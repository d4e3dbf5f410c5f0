"""Asking a local server through the client, in a test."""

import asyncio
from typing import Any

from inventory_pipeline.http.client import HttpClient, RequestRecord
from inventory_pipeline.http.response import Response
from inventory_pipeline_tests.http.local_server import LOOPBACK, Answer, App, LocalServer


class Asked:
    """What came of one GET of `/x`: the reply or the error is the test's; the rest is here."""

    def __init__(self, answer: Answer | App, **options: Any) -> None:
        self.records: list[RequestRecord] = []
        self.calls = 0
        self._app: App = answer if not isinstance(answer, Answer) else lambda _: answer
        self._options = options

    def get(self, path: str = "/x", tls: Any = None, **more: Any) -> Response:
        with LocalServer(self._app, tls) as server:
            self.server = server
            try:
                return asyncio.run(self._get(server.url + path, more))
            finally:
                assert server.all_closed()

    async def _get(self, url: str, more: dict[str, Any]) -> Response:
        async with HttpClient(**{"policy": LOOPBACK, "on_request": self.records.append, **self._options}) as client:
            try:
                return await client.get(url, **more)
            finally:
                self.calls = client.calls
