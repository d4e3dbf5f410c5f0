"""Options that several commands share, so that they are spelled and explained alike."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from inventory_pipeline.cli.session import Session, session_of
from inventory_pipeline.cli.terminal import complain
from inventory_pipeline.core.clock import parse_instant, show_instant
from inventory_pipeline.core.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def store_keys(context: typer.Context, incomplete: str) -> list[str]:
    """What a shell may complete a store's key to."""
    return [store.key for store in session_of(context).integrations.list() if store.key.startswith(incomplete)]


StoreKey = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="The store's key, as `stores list` shows it.", show_default=False, autocompletion=store_keys
    ),
]
OnlyStores = Annotated[
    list[str] | None,
    typer.Option("--store", metavar="KEY", help="Only this store; may be repeated.", autocompletion=store_keys),
]
OnlyStore = Annotated[str | None, typer.Option("--store", metavar="KEY", help="Only this store.", autocompletion=store_keys)]
Raw = Annotated[bool, typer.Option("--raw", help="Texts as they stand: no ' before what a spreadsheet takes for a formula.")]
AllowPrivate = Annotated[
    bool | None,
    typer.Option(
        "--allow-private/--no-allow-private",
        help="The address may be in a private network, on this machine, or without TLS. Asked for on a terminal.",
        show_default=False,
    ),
]


def read_instant(option: str, text: str, session: Session, or_else: str = "") -> datetime:
    """An instant as a person types it; without a zone it is in the schedule's, which is said on standard error."""
    try:
        instant = parse_instant(text, ZoneInfo(session.environment.timezone))
        given = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"{option}: {error}{or_else}") from None
    if given.tzinfo is None:
        zone = session.environment.timezone
        complain(f"{option} {text.strip()} has no time zone: taken as {zone} (INVENTORY_TIMEZONE), so {show_instant(instant)}")
    return instant


def ask_allow_private(given: bool | None, refusal: Callable[[bool], str | None]) -> bool:
    """Whether an address may be private: as given, else as the person at the terminal says where it needs to be.

    `refusal` says why it may not be used, given whether private ones are allowed.
    """
    if given is None and sys.stdin.isatty() and (told := refusal(False)) and refusal(True) is None:
        return typer.confirm(f"{told.partition(';')[0]}. Is that meant, and may it be connected to?", err=True)
    return bool(given)
