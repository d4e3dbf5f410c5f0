"""Options that several commands share, so that they are spelled and explained alike."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
StoreKey = Annotated[str, typer.Argument(metavar="KEY", help="The store's key, as `stores list` shows it.", show_default=False)]
Raw = Annotated[bool, typer.Option("--raw", help="Texts as they stand: no ' before what a spreadsheet takes for a formula.")]
AllowPrivate = Annotated[
    bool | None,
    typer.Option(
        "--allow-private/--no-allow-private",
        help="The address may be in a private network, on this machine, or without TLS. Asked for on a terminal.",
        show_default=False,
    ),
]


def ask_allow_private(given: bool | None, refusal: Callable[[bool], str | None]) -> bool:
    """Whether an address may be private: as given, else as the person at the terminal says where it needs to be.

    `refusal` says why it may not be used, given whether private ones are allowed.
    """
    if given is None and sys.stdin.isatty() and (told := refusal(False)) and refusal(True) is None:
        return typer.confirm(f"{told.partition(';')[0]}. Is that meant, and may it be connected to?", err=True)
    return bool(given)
