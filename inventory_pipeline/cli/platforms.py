"""`inventory-pipeline platforms`: what can be connected."""

from typing import TYPE_CHECKING, Annotated

import typer

from inventory_pipeline.cli.output import print_documents
from inventory_pipeline.cli.tables import Column, Fact, print_facts, print_table
from inventory_pipeline.cli.terminal import say
from inventory_pipeline.core.errors import UsageError

if TYPE_CHECKING:
    from inventory_pipeline.connectors.base import PlatformInfo


def platforms(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this platform, with its settings.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the platforms that can be connected; with NAME, all that is known of one."""
    from inventory_pipeline.connectors.registry import platforms as all_platforms

    known = [info for info in all_platforms() if name in (None, info.platform)]
    if not known:
        names = ", ".join(info.platform for info in all_platforms())
        raise UsageError(f"there is no platform {name!r}: {names}")
    if json:
        print_documents({"platform": info.platform, "title": info.title, **facts_of(info)} for info in known)
    elif name is None:
        below = ("versions", "calls for 100,000 lines", "locations")
        print_table(
            ("platform", *(Column(column, below=True) for column in below)),
            ((info.platform, info.versions, info.calls_per_100k, info.locations) for info in known),
        )
        say("`inventory-pipeline platforms NAME` shows where to make its key, its settings, and what it does not read.")
    else:
        for info in known:
            typer.echo(f"{info.title} ({info.platform})")
            print_facts(Fact(title.replace("_", " "), value) for title, value in facts_of(info).items() if value)
            typer.echo("\nSettings")
            print_facts(Fact(setting, meaning) for setting, meaning in info.all_settings.items())


def facts_of(info: "PlatformInfo") -> dict[str, str]:
    """What a person asks before connecting a store, by name; docs/platforms.md says the same in the same words."""
    return {
        "versions": info.versions,
        "sign_in": info.auth,
        "credentials": ", ".join(info.credentials or info.other_credentials),
        "permissions": ", ".join(info.scopes),
        "to_grant": info.grant,
        "locations": info.locations,
        "available": info.available,
        "calls_per_100k": info.calls_per_100k,
        "limits": info.limits,
        "not_read": info.gaps,
        "proved_by": info.proved_by,
    }
