"""`inventory-pipeline users`: who may sign in to the site, and what they may do there."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.session import Session, actor, session_of
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.web.serving import HOST, PORT

if TYPE_CHECKING:
    from inventory_pipeline.core.users import User
    from inventory_pipeline.services.users.users import Users

app = typer.Typer(help="Say who may sign in to the site.", pretty_exceptions_enable=False)

Name = Annotated[str, typer.Argument(metavar="NAME", help="To sign in with: anna, or anna@shop.example.", show_default=False)]
Groups = Annotated[list[str] | None, typer.Option("--group", metavar="G", help="A merchant whose stores the user may see.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(metavar="R", help="viewer, manager or admin.")] = "viewer",
    group: Groups = None,
    all_groups: Annotated[bool, typer.Option("--all-groups", help="All stores, those to come included.")] = False,
) -> None:
    """Add a user, and print the link by which they choose a password. It works once, for three days."""
    session = session_of(context)
    if bool(group) == all_groups:
        raise UsageError("say which stores: --group G (or several), or --all-groups")
    _print_link(session, name.strip().lower(), _users(session).add(name, role, None if all_groups else group))


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the users."""
    users = _users(session_of(context)).list()
    if json:
        print_documents(_document(user) for user in users)
        return
    columns = ("name", "role", Column("groups", below=True), "active", "password", Column("last signed in", spare=1))
    rows = (
        (
            *(user.name, user.role, user.groups_text, user.is_active, user.has_password),
            user.last_sign_in_at and show_instant(user.last_sign_in_at),
        )
        for user in users
    )
    print_table(columns, rows, none="No user yet: `inventory-pipeline users add NAME --role admin --all-groups` adds the first.")


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    role: Annotated[str | None, typer.Option(metavar="R", help="viewer, manager or admin.")] = None,
    group: Groups = None,
    all_groups: Annotated[bool, typer.Option("--all-groups", help="All stores, those to come included.")] = False,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Inactive: signed out at once, and kept.")] = None,
) -> None:
    """Change what a user may do. Groups take the place of those before."""
    if group and all_groups:
        raise UsageError("choose one of --group and --all-groups")
    user = _users(session_of(context)).set(name, role=role, groups=group, all_groups=all_groups, is_active=active)
    typer.echo(f"User {user.name}: {user.role} of {user.groups_text}{'' if user.is_active else ', inactive'}")


@app.command()
def remove(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a user and end their sessions. What the audit log says of them stays."""
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"removing {name} ends their sessions for ever: say --yes")
        typer.confirm(f"Remove user {name}?", abort=True, err=True)
    _users(session_of(context)).remove(name)
    typer.echo(f"User {name} is removed")


@app.command()
def reset(context: typer.Context, name: Name) -> None:
    """Take a user's password away, sign them out, and print a link by which they choose a new one."""
    session = session_of(context)
    _print_link(session, name, _users(session).reset(name))


def _users(session: Session) -> "Users":
    from inventory_pipeline.services.users.users import Users

    return Users(session.services.database, session.services.clock, actor=actor())


def _print_link(session: Session, name: str, token: str) -> None:
    base = session.environment.web_url
    typer.echo(f"{name} chooses a password at this address. It works once, for three days; give it to nobody else:")
    typer.echo(f"  {base or f'http://{HOST}:{PORT}'}/link/{token}")
    if base is None:
        typer.echo("(Where the site is reached otherwise, INVENTORY_WEB_URL says how.)")


def _document(user: "User") -> dict[str, object]:
    """`groups` null: all."""
    return {
        "name": user.name,
        "role": user.role,
        "groups": None if user.groups is None else list(user.groups),
        "active": user.is_active,
        "has_password": user.has_password,
        "created_at": show_instant(user.created_at),
        "last_sign_in_at": user.last_sign_in_at and show_instant(user.last_sign_in_at),
    }
