"""`inventory-pipeline credentials`: secrets kept encrypted, which stores refer to by name."""

from collections.abc import Sequence
from typing import Annotated

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.secret_input import read_secret, read_words
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.clock import show_instant
from inventory_pipeline.core.errors import UsageError

app = typer.Typer(help="Keep secrets encrypted, for stores to refer to as secret:NAME.", pretty_exceptions_enable=False)

SecretName = Annotated[str, typer.Argument(metavar="NAME", help="Stores refer to it as secret:NAME.", show_default=False)]


_SAY_WHERE = "say where the secret may be sent: --host H, such as --host shop.example, for each host name"

Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host", metavar="H", help="Where it may be sent: shop.example, *.myshopify.com, or http://… for one without https."
    ),
]
Platform = Annotated[str | None, typer.Option(metavar="P", help="Only stores of this platform may use it.")]


@app.command("set")
def set_(context: typer.Context, name: SecretName, host: Hosts = None, platform: Platform = None) -> None:
    """Store or replace a secret. Its value comes from a prompt that does not show it, or from standard input."""
    integrations = session_of(context).integrations
    if not host and not platform and not integrations.is_bound(name):
        host = read_words(f"Host names that {name} may be sent to, such as shop.example", f"{_SAY_WHERE}; nothing was stored")
    notes = integrations.put_credential(name, read_secret(name), host or (), platform)
    typer.echo(f"Stored. Stores refer to it as secret:{name}")
    _tell(notes)


@app.command()
def bind(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A stored secret, or env:NAME for a variable.", show_default=False)],
    host: Hosts = None,
    platform: Platform = None,
) -> None:
    """Say anew where a secret may be sent, without its value: to these hosts and no others."""
    if not host and not platform:
        raise UsageError(_SAY_WHERE)
    notes = session_of(context).integrations.bind_credential(name, host or (), platform)
    say(f"{name} may be sent to {', '.join(host)}" if host else f"{name} belongs to {platform}")
    _tell(notes)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the names of secrets, where each may be sent, and who uses them. Values are never shown."""
    entries = session_of(context).integrations.list_credentials()
    rows = [{**entry._asdict(), "created_at": show_instant(entry.created_at)} for entry in entries]
    if json:
        print_documents(rows)
    else:
        columns = ("name", "stored", "platform", "readable", Column("hosts", below=True), Column("used by", below=True))
        cells = (
            (row["name"], row["created_at"], row["platform"], row["readable"], ", ".join(row["hosts"]), ", ".join(row["used_by"]))
            for row in rows
        )
        print_table(columns, cells, none="No secret yet: `inventory-pipeline credentials set NAME` stores one.")


@app.command()
def remove(context: typer.Context, name: SecretName) -> None:
    """Delete a secret that no store uses; of a variable (env:NAME) only where it may be sent."""
    session_of(context).integrations.remove_credential(name)
    typer.echo(f"Removed {name}")


@app.command()
def rotate_key(context: typer.Context) -> None:
    """Encrypt every secret anew: with a fresh key, or with the first of INVENTORY_SECRET_KEY."""
    session = session_of(context)
    count = session.integrations.rotate_key()
    where = "the first key of INVENTORY_SECRET_KEY" if session.environment.secret_keys else "a new key; the old one is gone"
    typer.echo(f"Encrypted {count:,} secrets with {where}")


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        say(note, "  ")
