"""Where a demo shop leaves its exports: another server, as with Shopify, that wants a signature and no token."""

import secrets
from urllib.parse import quote

from inventory_pipeline.demo.faults import Faults
from inventory_pipeline.demo.messages import Answer, Body, Request
from inventory_pipeline.demo.server import DemoServer

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
