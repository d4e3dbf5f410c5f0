"""`inventory-pipeline notify`: where notices go."""

from typing import Annotated

import typer

from inventory_pipeline.cli.options import AllowPrivate, Json, OnlyStores, ask_allow_private
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.secret_input import FROM_INPUT, read_secret
from inventory_pipeline.cli.session import actor, alerting_of, session_of
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.alerts import EVENTS, SEVERITIES
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.notices import USUAL_EVENTS

app = typer.Typer(help="Say where notices go, and which.", pretty_exceptions_enable=False)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The route's name.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    url: Annotated[
        str, typer.Option(metavar="-", help="`-` reads the address from standard input or a prompt: it holds secrets.")
    ] = FROM_INPUT,
    severity: Annotated[str, typer.Option(help=f"At least: {', '.join(SEVERITIES)}.")] = "warning",
    event: Annotated[list[str] | None, typer.Option(help=f"{', '.join(EVENTS)}; {', '.join(USUAL_EVENTS)} unless given.")] = None,
    group: Annotated[list[str] | None, typer.Option(metavar="G", help="Only of this group; may be repeated.")] = None,
    store: OnlyStores = None,
    platform: Annotated[list[str] | None, typer.Option(metavar="P", help="Only of this platform; may be repeated.")] = None,
    sku: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Only SKUs like TEA-*; may be repeated.")] = None,
    allow_private: AllowPrivate = None,
) -> None:
    """Add a route: an address that Apprise knows (mailtos://…, slack://…), or an https address that takes signed JSON."""
    if url != FROM_INPUT:
        raise UsageError("an address holds secrets and would stay in the shell's history: leave --url out, or pipe it in")
    if severity not in SEVERITIES:
        raise UsageError(f"--severity {severity!r:.40} is none of {', '.join(SEVERITIES)}")
    for one in event or ():
        if one not in EVENTS:
            raise UsageError(f"--event {one!r:.40} is none of {', '.join(EVENTS)}")
    filters = {"groups": group or (), "stores": store or (), "platforms": platform or (), "skus": sku or ()}
    routes = alerting_of(session_of(context)).routes
    address = read_secret(f"address of {name}")
    allowed = ask_allow_private(allow_private, lambda private: routes.refusal(name, address, allow_private=private))
    added = routes.add(name, address, actor(), allow_private=allowed, severity=severity, events=event or USUAL_EVENTS, **filters)
    say(f"Route {name} to {added.route.shown} is added; `inventory-pipeline notify test {name}` tries it")
    if added.signing_secret:
        typer.echo(f"  signing secret, shown only now: {added.signing_secret}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List routes, and notices that could not be delivered."""
    from inventory_pipeline.db.alerts.notices import undelivered
    from inventory_pipeline.services.alerts.delivery import SHOWN_FOR

    session = session_of(context)
    routes = alerting_of(session).routes.list_routes()
    with session.services.database.connect() as connection:
        troubled = undelivered(connection, session.services.clock() - SHOWN_FOR)
    names = ("name", "kind", "shown", "severity", "events", "groups", "stores", "platforms", "skus")
    if json:
        letters = [
            {"key": it.key, "route": it.route, "status": it.status, "attempts": it.attempts, "error": it.error} for it in troubled
        ]
        documents = [{name: getattr(route, name) for name in (*names, "allow_private")} for route in routes]
        print_documents({**it, "undelivered": [each for each in letters if each["route"] == it["name"]]} for it in documents)
        return
    rows = (
        [getattr(route, name) for name in names[:4]] + [", ".join(getattr(route, name)) for name in names[4:]] for route in routes
    )
    columns = ("route", "kind", Column("to", below=True), "severity", *(Column(name, below=True) for name in names[4:]))
    print_table(columns, rows, none="No route yet: `inventory-pipeline notify add NAME` adds one, and notices go there.")
    if troubled:
        typer.echo("\nNot delivered:")
        columns = ("ref", "route", "written", "state", "attempts", Column("error", below=True))
        print_table(
            columns, ([it.key, it.route, show_instant(it.created_at), it.status, it.attempts, it.error] for it in troubled)
        )


@app.command()
def test(context: typer.Context, name: Name) -> None:
    """Send a test notice by a route, now."""
    alerting_of(session_of(context)).routes.test(name)
    say(f"Route {name} took the test notice")


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Remove a route."""
    alerting_of(session_of(context)).routes.remove(name, actor())
    typer.echo(f"Route {name} is removed")
