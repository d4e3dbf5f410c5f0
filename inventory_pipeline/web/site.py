"""The site for the people who sell: its pages, who may ask for which, and Dagster behind the same door.

A page is a function of a `View`, run in a thread: pages read a database.
"""

import logging
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from inventory_pipeline.core.errors import DatabaseUnavailable, InventoryError
from inventory_pipeline.web.behind import BehindTheDoor
from inventory_pipeline.web.door import Door
from inventory_pipeline.web.pages import account, alerts, elsewhere, overview, people, stock, store_form, stores, syncs
from inventory_pipeline.web.state import STATIC, Site
from inventory_pipeline.web.view import NotAllowed, NotFound, Page, View

if TYPE_CHECKING:
    from starlette.types import ASGIApp


logger = logging.getLogger(__name__)

PAGES: tuple[Page, ...] = (
    *account.PAGES,
    *overview.PAGES,
    *store_form.PAGES,
    *stores.PAGES,
    *syncs.PAGES,
    *stock.PAGES,
    *elsewhere.PAGES,
    *alerts.PAGES,
    *people.PAGES,
)
# Dagster's own pages to which runs and assets link, in addresses that begin at the root.
_DAGSTER_PAGES = ("assets", "locations", "runs")
# A form's size: text fields only. Starlette itself refuses more than so many fields.
_FORM_BYTES, _FORM_FIELDS = 1_000_000, 2_000


def create_site(site: Site, dagster: "BehindTheDoor | None" = None) -> "ASGIApp":
    """The whole application, still without the gate before it."""
    routes: list[Route | Mount] = [_route(site, page) for page in PAGES]
    routes.append(Mount("/static", _Static(directory=STATIC), name="static"))
    routes += [Route(f"/{name}/{{rest:path}}", _to_dagster) for name in _DAGSTER_PAGES if dagster is not None]
    handlers: dict[Any, Any] = {HTTPException: _plain_refusal, 404: _no_page(site)}
    pages = Starlette(routes=routes, exception_handlers=handlers)
    pages.router.redirect_slashes = False  # each page has one address
    door = Door(pages, site.sign_in)
    return door if dagster is None else dagster.before(door)


async def _to_dagster(request: Request) -> Response:
    return RedirectResponse(str(request.url.replace(scheme="", netloc="", path=f"/dagster{request.url.path}")))


class _Static(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def _route(site: Site, page: Page) -> Route:
    async def answer(request: Request) -> Response:
        view = View(site, request, request.state.visitor)
        if request.method == "POST":
            refusal = await _read_form(view)
            if refusal is not None:
                return refusal
        return await run_in_threadpool(_answer, page, view)

    return Route(page.path, answer, methods=[page.method])


async def _read_form(view: View) -> Response | None:
    request = view.request
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > _FORM_BYTES:
        return PlainTextResponse("A form here has at most a megabyte, and says how long it is.\n", 413)
    try:
        view.form = await request.form(max_files=0, max_fields=_FORM_FIELDS)
    except ClientDisconnect:
        return PlainTextResponse("The form did not arrive whole.\n", 400)
    if not view.visitor.is_own_form(str(view.form.get("form", ""))):
        text = (
            "This form is too old: you have signed in or out since it was shown. Go back, load the page anew, and send it again."
        )
        return await run_in_threadpool(_told, view, 403, "Send it again", text)
    return None


def _answer(page: Page, view: View) -> Response:
    if page.needs != "anyone" and view.visitor.user is None:
        return view.to_sign_in()
    try:
        if page.needs not in ("anyone", "self"):
            _require(page, view)
        return page.answer(view)
    except NotFound as error:
        return _told(view, 404, "Not found", f"{error}.")
    except NotAllowed as error:
        return _told(view, 403, "Not allowed", f"{error}.")
    except DatabaseUnavailable as error:
        return _told(view, 503, "The database does not answer", str(error))
    except InventoryError as error:
        return _told(view, 400, "That did not work", str(error))
    except Exception:
        logger.exception("The page %s failed", view.request.url.path)
        return _told(view, 500, "That did not work", "This page could not be made. The log says why; nothing was lost.")


def _require(page: Page, view: View) -> None:
    """Whose store it is comes first: what is another group's is not there, whatever the role."""
    if "{key}" in page.path:
        view.store()
    if page.needs in ("users", "dagster") and not view.user.may(page.needs):
        raise NotFound("there is no such page")
    view.require(page.needs)  # pyright: ignore[reportArgumentType] - `anyone` and `self` do not get here


def _told(view: View, status: int, title: str, text: str) -> Response:
    return view.page("told.html", status, title=title, text=text)


def _no_page(site: Site) -> Any:
    async def answer(request: Request, _: Exception) -> Response:
        visitor = getattr(request.state, "visitor", None)
        if visitor is None:
            return PlainTextResponse("Not found\n", 404)
        return await run_in_threadpool(_told, View(site, request, visitor), 404, "Not found", "There is no such page.")

    return answer


async def _plain_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=dict(error.headers or {}))
