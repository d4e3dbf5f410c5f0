"""Dagster's web UI at /dagster, for admins of all groups alone. Its own server, loaded when first asked for: that takes seconds.

Nothing of a request is looked into: whoever may not use Dagster reaches none of it, whatever they send and however.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from inventory_pipeline.services.users.sign_in import SignIn
from inventory_pipeline.web.door import Visitor, visitor_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

PATH = "/dagster"
_CLOSED = 1008


class BehindTheDoor:
    """`load` makes Dagster's application, to be served at PATH; it returns None while Dagster is still starting."""

    def __init__(self, load: "Callable[[], ASGIApp | None]", sign_in: SignIn) -> None:
        self._load, self._sign_in = load, sign_in
        self._app: ASGIApp | None = None
        self._loading = asyncio.Lock()

    def before(self, site: "ASGIApp") -> "ASGIApp":
        """Everything at PATH and below goes to Dagster, everything else to the site."""

        async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
            if scope["type"] in ("http", "websocket") and is_dagsters(scope["path"]):
                await self._answer(scope, receive, send)
            else:
                await site(scope, receive, send)

        return app

    async def _answer(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        visitor = await run_in_threadpool(visitor_of, scope, self._sign_in)
        refusal = _refusal(scope, visitor)
        if refusal is None:
            app = await self._loaded()
            if app is not None:
                await app(scope, receive, send)
                return
            refusal = PlainTextResponse(
                "Dagster is starting; load this page again in a few seconds.\n", 503, {"retry-after": "5"}
            )
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _CLOSED})
        else:
            await refusal(scope, receive, send)

    async def _loaded(self) -> "ASGIApp | None":
        if self._app is None:
            async with self._loading:
                self._app = self._app or await run_in_threadpool(self._load)
        return self._app


def is_dagsters(path: str) -> bool:
    return path == PATH or path.startswith(f"{PATH}/")


def _refusal(scope: "Scope", visitor: Visitor) -> Response | None:
    if visitor.user is not None and visitor.user.may("dagster"):
        return None
    if visitor.user is None and scope["type"] == "http" and scope["method"] == "GET" and scope["path"].rstrip("/") == PATH:
        return RedirectResponse(f"/sign-in?next={PATH}", 303)
    return PlainTextResponse("Not found\n", 404, {"cache-control": "no-store"})
