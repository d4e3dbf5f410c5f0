"""`inventory-pipeline credentials`: secrets kept encrypted, which stores refer to by name."""

from typing import Annotated

import typer

from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.secret_input import read_secret
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.tables import print_table
from inventory_pipeline.core.clock import show_instant

app = typer.Typer(help="Keep secrets encrypted, for stores to refer to as secret:NAME.", pretty_exceptions_enable=False)

SecretName = Annotated[str, typer.Argument(metavar="NAME", help="Stores refer to it as secret:NAME.", show_default=False)]


@app.command("set")
def set_(context: typer.Context, name: SecretName) -> None:
    """Store or replace a secret. Its value comes from a prompt that does not show it, or from standard input."""
    session_of(context).integrations.put_credential(name, read_secret(name))
    typer.echo(f"Stored. Stores refer to it as secret:{name}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the names of secrets, and who uses them. Values are never shown."""
    entries = session_of(context).integrations.list_credentials()
    rows = [{**entry._asdict(), "created_at": show_instant(entry.created_at)} for entry in entries]
    if json:
        print_documents(rows)
    else:
        columns = ("name", "stored", "used by", "readable with the present key")
        cells = ((row["name"], row["created_at"], ", ".join(row["used_by"]), row["readable"]) for row in rows)
        print_table(columns, cells, none="No secret yet: `inventory-pipeline credentials set NAME` stores one.")


@app.command()
def remove(context: typer.Context, name: SecretName) -> None:
    """Delete a secret that no store uses."""
    session_of(context).integrations.remove_credential(name)
    typer.echo(f"Removed {name}")


@app.command()
def rotate_key(context: typer.Context) -> None:
    """Encrypt every secret anew: with a fresh key, or with the first of INVENTORY_SECRET_KEY."""
    session = session_of(context)
    count = session.integrations.rotate_key()
    where = "the first key of INVENTORY_SECRET_KEY" if session.environment.secret_keys else "a new key; the old one is gone"
    typer.echo(f"Encrypted {count:,} secrets with {where}")
