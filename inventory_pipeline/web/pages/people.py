"""Users and the audit log, for admins."""

from starlette.responses import Response

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.users import RIGHTS, ROLES, User
from inventory_pipeline.db.integrations.audit import list_audit
from inventory_pipeline.db.users.accounts import find_user
from inventory_pipeline.services.users.users import Users
from inventory_pipeline.web.view import NotFound, Page, View, numbers

_PER_PAGE = 100


def users(view: View) -> Response:
    return _shown(view)


def _shown(view: View, status: int = 200, *, link: str = "", whose: str = "", wrong: str = "") -> Response:
    return view.page(
        "users.html", status, users=_users(view).list(), roles=ROLES, rights=RIGHTS, link=link, whose=whose, wrong=wrong
    )


def add(view: View) -> Response:
    """Shows the link by which the new user chooses a password, once."""
    name = view.typed("name")
    groups = None if view.typed("all_groups") else _chosen(view)
    try:
        token = _users(view).add(name, view.typed("role"), groups)
    except UsageError as error:
        return _shown(view, 400, wrong=str(error))
    return _shown(view, link=_link(view, token), whose=name.lower())


def user(view: View) -> Response:
    return view.page("user.html", one=_found(view), roles=ROLES)


def change(view: View) -> Response:
    one = _found(view)
    all_groups = bool(view.typed("all_groups"))
    groups = None if all_groups else _chosen(view)
    changed = _users(view).set(
        one.name, role=view.typed("role"), groups=groups, all_groups=all_groups, is_active=bool(view.typed("active"))
    )
    return view.to("/users", done=f"{changed.name} is {changed.role} of {changed.groups_text}.")


def reset(view: View) -> Response:
    one = _found(view)
    return _shown(view, link=_link(view, _users(view).reset(one.name)), whose=one.name)


def remove(view: View) -> Response:
    one = _found(view)
    _users(view).remove(one.name)
    return view.to("/users", done=f"{one.name} is removed and signed out.")


def audit(view: View) -> Response:
    """Who changed what. An admin of some groups sees what was done to their own stores."""
    page = max([1, *numbers([view.query("page")])])
    with view.site.database.connect() as connection:
        entries = list_audit(
            connection,
            _PER_PAGE + 1,
            offset=(min(page, 10_000) - 1) * _PER_PAGE,
            subjects=None if view.user.groups is None else list(view.stores_of(connection)),
        )
    return view.page("audit.html", entries=entries[:_PER_PAGE], more=len(entries) > _PER_PAGE, at=page)


def _users(view: View) -> Users:
    return Users(view.site.database, view.site.clock, actor=view.actor)


def _found(view: View) -> User:
    with view.site.database.connect() as connection:
        one = find_user(connection, view.request.path_params["name"])
    if one is None:
        raise NotFound("there is no such user")
    return one


def _chosen(view: View) -> list[str]:
    return [value for value in view.form.getlist("group") if isinstance(value, str)]


def _link(view: View, token: str) -> str:
    base = view.site.environment.web_url or str(view.request.base_url).rstrip("/")
    return f"{base}/link/{token}"


PAGES = (
    Page("/users", users, "users"),
    Page("/users", add, "users", "POST"),
    Page("/users/{name}", user, "users"),
    Page("/users/{name}", change, "users", "POST"),
    Page("/users/{name}/reset", reset, "users", "POST"),
    Page("/users/{name}/remove", remove, "users", "POST"),
    Page("/audit", audit, "stores"),
)
