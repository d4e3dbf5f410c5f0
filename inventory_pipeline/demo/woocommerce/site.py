"""How a WordPress site writes its REST answers: addresses, headers, links to other pages, errors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from inventory_pipeline.demo.messages import Answer, Body

HEADERS = {
    "Content-Type": "application/json; charset=UTF-8",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Expires": "Wed, 11 Jan 1984 05:00:00 GMT",
    "Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private",
}


class RestError(Exception):
    """An error in WordPress's form. `methods` are those of the route, where the site got so far as to know them."""

    def __init__(self, status: int, code: str, message: str, methods: Iterable[str] = (), **data: object) -> None:
        super().__init__(message)
        self.status, self.methods = status, methods
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


@dataclass(frozen=True, slots=True)
class Site:
    """`home` is the site's address, without a slash at its end; `plain` says that it has no `/wp-json`."""

    version: tuple[int, ...]
    home: str
    plain: bool

    def address(self, route: str, params: Mapping[str, str] | None = None) -> str:
        """The address of a REST route, such as "/wc/v3/products"."""
        if self.plain:
            return f"{self.home}/index.php?{urlencode({**(params or {}), 'rest_route': route}, safe='/')}"
        return f"{self.home}/wp-json{route}{'?' if params else ''}{urlencode(params or {})}"

    def answer(
        self, body: Body, methods: Iterable[str], headers: Mapping[str, str] | None = None, *, status: int = 200
    ) -> Answer:
        api = {"Link": f'<{self.address("/")}>; rel="https://api.w.org/"'}
        allow = {"Allow": ", ".join(methods)} if methods else {}
        return Answer(status, {**HEADERS, **api, **(headers or {}), **allow}, body)

    def error(self, error: RestError) -> Answer:
        return self.answer(Body.of_json(error.body), error.methods, status=error.status)

    def paging(self, route: str, params: Mapping[str, str], *, total: int, page: int, per_page: int) -> dict[str, str]:
        """The headers of a list. The links repeat the request's whole query, OAuth parameters too."""
        pages = -(-total // per_page)
        around = [("prev", min(page - 1, pages))] if page > 1 else []
        around += [("next", page + 1)] if page < pages else []
        links = [f'<{self.address(route, {**params, "page": str(to)})}>; rel="{name}"' for name, to in around]
        link = {"Link": ", ".join(links)} if links else {}
        return {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages), **link}
