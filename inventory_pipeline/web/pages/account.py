"""Signing in and out, the links that work once, and one's own account."""

from starlette.responses import Response

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.services.users.passwords import LEAST
from inventory_pipeline.services.users.sign_in import SignInLater, SignInRefused
from inventory_pipeline.web.view import Page, View, local_path


def ask(view: View) -> Response:
    if view.visitor.user is not None:
        return view.to(local_path(view.query("next", 2_000)))
    return _form(view)


def _form(view: View, status: int = 200, *, name: str = "", wrong: str = "", target: str = "") -> Response:
    target = target or view.query("next", 2_000)
    return view.with_form_cookie("sign_in.html", status, name=name, wrong=wrong, target=local_path(target))


def sign_in(view: View) -> Response:
    name, target = view.typed("name", 300), local_path(view.typed("next"))
    password = view.form.get("password")
    try:
        found = view.site.sign_in.with_password(name, password if isinstance(password, str) else "", view.visitor.browser)
    except SignInLater as error:
        response = _form(view, 429, name=name, wrong=str(error), target=target)
        response.headers["retry-after"] = str(error.seconds)
        return response
    except SignInRefused as error:
        return _form(view, 401, name=name, wrong=str(error), target=target)
    return view.signed_in(found, target)


def show_link(view: View) -> Response:
    """Uses nothing up: mail programs look at links before their reader does."""
    return _link_form(view)


def _link_form(view: View, status: int = 200, wrong: str = "") -> Response:
    try:
        user, kind = view.site.sign_in.link(view.request.path_params["token"])
    except SignInRefused as error:
        return view.page("told.html", 404, title="This link does not work", text=f"{error}.")
    return view.with_form_cookie("link.html", status, whose=user.name, kind=kind, wrong=wrong, least=LEAST)


def use_link(view: View) -> Response:
    password = view.form.get("password")
    again = view.form.get("again", password)
    if password != again:
        return _link_form(view, 400, "The two passwords differ. Nothing was changed.")
    try:
        found = view.site.sign_in.with_link(
            view.request.path_params["token"], password if isinstance(password, str) else None, view.visitor.browser
        )
    except UsageError as error:
        return _link_form(view, 400, str(error))
    except SignInRefused as error:
        return view.page("told.html", 404, title="This link does not work", text=f"{error}.")
    return view.signed_in(found, "/")


def sign_out(view: View) -> Response:
    view.site.sign_in.end(view.visitor.session)
    return view.signed_out("/sign-in")


def account(view: View) -> Response:
    return _account(view)


def _account(view: View, status: int = 200, wrong: str = "") -> Response:
    sign_in = view.site.sign_in
    return view.page(
        "account.html",
        status,
        sessions=sign_in.sessions(view.user),
        mine=sign_in.key_of(view.visitor.session),
        wrong=wrong,
        least=LEAST,
    )


def change_password(view: View) -> Response:
    old, new = (view.form.get(name, "") for name in ("old", "password"))
    if new != view.form.get("again", ""):
        return _account(view, 400, "The two new passwords differ. Nothing was changed.")
    try:
        view.site.sign_in.change_password(view.user, str(old), str(new), view.visitor.session)
    except UsageError as error:
        return _account(view, 400, str(error))
    return view.to("/account", done="The password is changed, and your other sessions have ended.")


def sign_out_everywhere(view: View) -> Response:
    view.site.sign_in.end_all(view.user)
    return view.signed_out("/sign-in")


def end_session(view: View) -> Response:
    view.site.sign_in.end_one(view.user, view.typed("session"))
    return view.to("/account", done="That session has ended.")


PAGES = (
    Page("/sign-in", ask, "anyone"),
    Page("/sign-in", sign_in, "anyone", "POST"),
    Page("/link/{token}", show_link, "anyone"),
    Page("/link/{token}", use_link, "anyone", "POST"),
    Page("/sign-out", sign_out, "self", "POST"),
    Page("/account", account, "self"),
    Page("/account/password", change_password, "self", "POST"),
    Page("/account/sign-out-everywhere", sign_out_everywhere, "self", "POST"),
    Page("/account/sessions", end_session, "self", "POST"),
)
