"""A demo store that speaks WooCommerce's REST v3 as 7.x, 10.x or 11.x answer over plain http."""

import re
import secrets
from typing import Literal

from inventory_pipeline.demo.catalogue import Catalogue
from inventory_pipeline.demo.messages import Answer, Body, Request
from inventory_pipeline.demo.oauth import AUTHENTICATION_ERROR, OAuthRefused, OAuthVerifier
from inventory_pipeline.demo.server import DemoServer
from inventory_pipeline.demo.woocommerce.faults import WooFaults
from inventory_pipeline.demo.woocommerce.items import Form, columns
from inventory_pipeline.demo.woocommerce.pages import InvalidParameters, Pages, Query
from inventory_pipeline.demo.woocommerce.site import RestError, Site

Permissions = Literal["read", "write", "read_write"]
READ, READ_ADD = ["GET"], ["GET", "POST"]
EDIT = ["GET", "POST", "PUT", "PATCH", "DELETE"]
FLAT, STATUS = "/wc/v3/variations", "/wc/v3/system_status"
# Route, as the index shows it: its methods. Of a real site's index, what this store serves.
ROUTES = {
    "/wc/v3": READ,
    "/wc/v3/products": READ_ADD,
    "/wc/v3/products/(?P<id>[\\d]+)": EDIT,
    "/wc/v3/products/(?P<product_id>[\\d]+)/variations": READ_ADD,
    FLAT: READ,  # since 10.3
    STATUS: READ,
}


class DemoStore(DemoServer):
    """A WooCommerce shop on a loopback port: `with DemoStore(catalogue) as store: store.url, store.key, store.secret`.

    As a real site over plain http it lets in only what is signed by OAuth 1.0a. `faults` may be switched on at any time;
    the catalogue may change under it through its own methods.
    """

    faults: WooFaults

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        version: str = "11.0.1",
        key: str | None = None,
        secret: str | None = None,
        permissions: Permissions = "read",
        plain_permalinks: bool = False,
    ) -> None:
        """`plain_permalinks` makes a site that serves its API only under `?rest_route=`."""
        self.faults = WooFaults(catalogue)
        super().__init__(self.faults)
        self.catalogue = catalogue
        self.version = version
        self._version = tuple(int(part) for part in version.split("."))
        self.plain_permalinks = plain_permalinks
        self._secrets: dict[str, str] = {}
        self._permissions: dict[str, Permissions] = {}
        self._oauth = OAuthVerifier(self._secrets)
        self._pages = Pages(catalogue, self._version)
        self.key, self.secret = self.add_key(key, secret, permissions)

    def add_key(self, key: str | None = None, secret: str | None = None, permissions: Permissions = "read") -> tuple[str, str]:
        """One more consumer key and its secret, made up where not given."""
        key, secret = key or f"ck_{secrets.token_hex(20)}", secret or f"cs_{secrets.token_hex(20)}"
        self._secrets[key], self._permissions[key] = secret, permissions
        return key, secret

    def remove_key(self, key: str) -> None:
        """Access revoked: from now on the key is unknown."""
        del self._secrets[key], self._permissions[key]

    def answer(self, request: Request) -> Answer:
        route = self._route(request)
        if route is None:
            found = request.path in ("/", "/index.php")
            page = b"<!DOCTYPE html>\n<html><head><title>%s</title></head></html>\n" % (b"Shop" if found else b"Page not found")
            return Answer(200 if found else 404, {"Content-Type": "text/html; charset=UTF-8"}, Body(page))
        try:
            return self._dispatch(request, route)
        except RestError as error:
            return self._site.error(error)

    @property
    def _site(self) -> Site:
        return Site(self._version, self.url, self.plain_permalinks)

    def _route(self, request: Request) -> str | None:
        """The REST route, such as "/wc/v3/products"; None for a page of the shop."""
        path = re.sub("//+", "/", request.path).removeprefix("/index.php")
        if "rest_route" in request.params:
            path = request.params["rest_route"]
        elif path.startswith("/wp-json") and not self.plain_permalinks:
            path = path.removeprefix("/wp-json")
        else:
            return None
        return "/" + path.strip("/")

    def _dispatch(self, request: Request, route: str) -> Answer:
        permissions = self._authenticate(request)
        needed = "read" if request.method in ("GET", "HEAD") else "write"
        if permissions and needed not in permissions:
            raise RestError(401, AUTHENTICATION_ERROR, f"The API key provided does not have {needed} permissions.")
        if request.method in ("GET", "HEAD"):
            if route in ("/", "/wc/v3"):
                return self._index(request, route)
            for pattern, methods in self._routes.items():
                if found := re.fullmatch(pattern, route):
                    ids = [int(number) for number in found.groups()]
                    return self._show(request, route, ids, methods, allowed=permissions is not None)
        raise RestError(404, "rest_no_route", "No route was found matching the URL and request method.")

    def _authenticate(self, request: Request) -> Permissions | None:
        # Before 11.1 a site looks at keys only where the address, as it was sent, holds this.
        if "wp-json/wc/" not in re.sub("//+", "/", request.target) and self._version < (11, 1):
            return None
        try:
            key = self._oauth.verify(request, self.url)
        except OAuthRefused as refused:
            raise RestError(401, refused.code, str(refused)) from None
        return None if key is None else self._permissions[key]

    @property
    def _routes(self) -> dict[str, list[str]]:
        return {route: methods for route, methods in ROUTES.items() if route != FLAT or self._version >= (10, 3)}

    def _index(self, request: Request, route: str) -> Answer:
        about = {"namespace": "wc/v3"} if route == "/wc/v3" else {"name": "Demo shop", "url": self.url, "namespaces": ["wc/v3"]}
        index = {**about, "routes": {route: {"methods": methods} for route, methods in self._routes.items()}}
        wanted = request.params.get("_fields", ",".join(index)).split(",")
        return self._site.answer(Body.of_json({name: value for name, value in index.items() if name in wanted}), READ)

    def _show(self, request: Request, route: str, ids: list[int], methods: list[str], *, allowed: bool) -> Answer:
        try:
            query = Query.of(request.params)
        except InvalidParameters as invalid:
            raise RestError(400, "rest_invalid_param", str(invalid), methods if allowed else (), **invalid.data) from None
        if not allowed:
            raise RestError(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if route == STATUS:
            status = {"environment": {"version": self.version}, "settings": {"currency": "EUR"}}
            return self._site.answer(Body.of_json(status), methods)
        if methods is EDIT:
            return self._site.answer(self._product(ids[0], query), methods)
        form: Form = "flat" if route == FLAT else "variation" if ids else "product"
        body, total = self._pages.page(form, ids[0] if ids else None, query, self._site)
        paging = self._site.paging(route, request.params, total=total, page=query.page, per_page=query.per_page)
        return self._site.answer(body, methods, paging)

    def _product(self, number: int, query: Query) -> Body:
        product = self.catalogue.get(number)
        if product is None or product.parent is not None:
            raise RestError(404, "woocommerce_rest_product_invalid_id", "Invalid ID.", EDIT)
        fields = columns("product", self._version, query.fields)
        return Body.of_json({name: field(product, self._site) for name, field in fields.items()})
