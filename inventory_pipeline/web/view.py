"""One request as a page's function sees it: who asks, what was typed, what may be shown; and the answers it can give."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, unquote, urlencode

import sqlalchemy as sa
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.core.users import Right, User
from inventory_pipeline.db.integrations import stores as store_rows
from inventory_pipeline.services.integrations.service import Integrations
from inventory_pipeline.web.door import BROWSER, FORM, NOTICE, SESSION, ZONE, Visitor, cookie_name
from inventory_pipeline.web.shown import Times, message, zone_name
from inventory_pipeline.web.state import Site

if TYPE_CHECKING:
    from inventory_pipeline.services.users.sign_in import SignedIn

# A person's decision about the right that a page needs; `anyone`: no session is needed, `self`: any signed-in user.
Needs = Right | Literal["anyone", "self"]
_NOTICE_LENGTH = 1_500
_YEARS = 3600 * 24 * 180


class NotFound(InventoryError):
    """There is no such thing, or it is another group's: a page must not tell which."""


class NotAllowed(InventoryError):
    """The user sees it, and their role does not allow that."""


@dataclass(frozen=True, slots=True)
class Page:
    """An address, the right that it needs, and the function that answers. `methods` are GET or POST."""

    path: str
    answer: "Callable[[View], Response]"
    needs: Needs
    method: Literal["GET", "POST"] = "GET"


@dataclass
class View:
    """`form` is empty unless something was posted."""

    site: Site
    request: Request
    visitor: Visitor
    form: FormData = field(default_factory=FormData)

    @property
    def user(self) -> User:
        """The signed-in user; pages that anyone may see do not ask."""
        assert self.visitor.user is not None
        return self.visitor.user

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    @cached_property
    def times(self) -> Times:
        zone = zone_name(unquote(self.visitor.cookies.get(ZONE, "")), self.site.environment.timezone)
        return Times(zone, self.site.clock())

    @cached_property
    def stores(self) -> dict[str, StoreIntegration]:
        """The stores of the user's groups, by key."""
        with self.site.database.connect() as connection:
            return self.stores_of(connection)

    def stores_of(self, connection: sa.Connection) -> dict[str, StoreIntegration]:
        return {store.key: store for store in store_rows.list_stores(connection) if self.user.has_group(store.group)}

    @property
    def groups(self) -> list[str]:
        """The groups that the user may see and that have stores."""
        return sorted({store.group for store in self.stores.values()})

    def store(self) -> StoreIntegration:
        """The store of the address. Raises NotFound where there is none, or it is another group's."""
        store = self.stores.get(self.request.path_params["key"])
        if store is None:
            raise NotFound("there is no such store")
        return store

    @property
    def integrations(self) -> Integrations:
        """Stores and credentials, changed in the user's name."""
        services = self.site.services
        return Integrations(services.database, services.vault, services.connect, services.clock, actor=self.actor)

    @property
    def actor(self) -> str:
        """Whom the audit log names."""
        return f"web:{self.user.name}"

    def query(self, name: str, limit: int = 200) -> str:
        return self.request.query_params.get(name, "").strip()[:limit]

    def typed(self, name: str, limit: int = 2_000) -> str:
        """A field of the form; empty where it is missing or a file."""
        value = self.form.get(name)
        return value.strip()[:limit] if isinstance(value, str) else ""

    def require(self, right: Right) -> None:
        """Raises NotAllowed where the user's role does not allow it."""
        if not self.user.may(right):
            raise NotAllowed(f"your role ({self.user.role}) may not do that; an admin can")

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """The rendered page. A notice that an action left is shown once."""
        notice = unquote(self.visitor.cookies.get(NOTICE, ""))
        kind, _, text = notice.partition(":")
        values |= {"view": self, "user": self.visitor.user, "times": self.times, "here": self.request.url.path}
        values["notice"] = (kind, message(text)) if text else None
        values["form_field"] = self.form_field
        response = HTMLResponse(self.site.templates.render(template, values), status)
        if text and not self.is_fragment:
            response.delete_cookie(cookie_name(NOTICE, self.visitor.is_secure), secure=self.visitor.is_secure)
        return response

    @property
    def form_field(self) -> Markup:
        """The hidden field that every form holds."""
        return Markup('<input type="hidden" name="form" value="{}">').format(self.visitor.form_token)

    def to(self, path: str, *, done: str = "", wrong: str = "") -> Response:
        """Leads on after something was posted, with a notice of what was done or why not."""
        response: Response = RedirectResponse(path, 303)
        if self.is_fragment:
            response = Response(status_code=200, headers={"HX-Redirect": path})
        if done or wrong:
            text = message(done or wrong)[:_NOTICE_LENGTH]
            self._cookie(response, NOTICE, quote(f"{'done' if done else 'wrong'}:{text}"), 60)
        return response

    def to_sign_in(self) -> Response:
        """Where a session is needed; afterwards it goes on where it was."""
        target = self.request.url.path
        if self.request.url.query:
            target += f"?{self.request.url.query}"
        path = "/sign-in" if target == "/" or self.request.method != "GET" else f"/sign-in?{urlencode({'next': target})}"
        if self.is_fragment:
            return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
        return RedirectResponse(path, 303)

    def signed_in(self, signed_in: "SignedIn", path: str) -> Response:
        response = RedirectResponse(path, 303)
        self._cookie(response, SESSION, signed_in.session, None)
        self._cookie(response, BROWSER, signed_in.browser, _YEARS)
        return response

    def signed_out(self, path: str) -> Response:
        response = RedirectResponse(path, 303)
        response.delete_cookie(cookie_name(SESSION, self.visitor.is_secure), secure=self.visitor.is_secure)
        return response

    def with_form_cookie(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page with a form for somebody who has no session yet: its token hangs on a cookie of its own."""
        fresh = not self.visitor.session and not self.visitor.cookies.get(FORM)
        if fresh:
            self.visitor = Visitor(
                None, "", self.visitor.browser, {**self.visitor.cookies, FORM: secrets.token_urlsafe(32)}, self.visitor.is_secure
            )
        response = self.page(template, status, **values)
        if fresh:
            self._cookie(response, FORM, self.visitor.cookies[FORM], None)
        return response

    def _cookie(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        is_secure = self.visitor.is_secure
        response.set_cookie(
            cookie_name(name, is_secure), value, max_age=seconds, path="/", secure=is_secure, httponly=True, samesite="lax"
        )


def local_path(path: str) -> str:
    """The path, if it leads nowhere but to this site; else the overview."""
    return (
        path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path else "/"
    )


def numbers(texts: Sequence[str]) -> list[int]:
    """Those that are whole numbers of an id's size."""
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
