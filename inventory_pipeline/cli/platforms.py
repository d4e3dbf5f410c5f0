"""`inventory-pipeline platforms`: what can be connected."""

from typing import Annotated

import typer

from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.tables import Column, print_table
from inventory_pipeline.cli.terminal import say


def platforms(json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False) -> None:
    """List the platforms that can be connected, and what each needs."""
    from inventory_pipeline.connectors.registry import platforms as known

    if json:
        print_documents(
            {
                "platform": info.platform,
                "versions": info.versions,
                "auth": info.auth,
                "scopes": list(info.scopes),
                "calls_per_100k": info.calls_per_100k,
                "proved_by": info.proved_by,
            }
            for info in known()
        )
        return
    print_table(
        (
            *("platform", Column("versions", below=True), Column("sign-in", below=True), Column("permissions", below=True)),
            *(Column("credentials", below=True), Column("calls for 100,000 lines", below=True)),
        ),
        (
            (info.platform, info.versions, info.auth, ", ".join(info.scopes), ", ".join(info.credentials), info.calls_per_100k)
            for info in known()
        ),
    )
    for info in known():
        typer.echo(f"\n{info.platform}: settings")
        for name, meaning in info.all_settings.items():
            say(meaning, f"  {name:22} ")
