"""Options that several commands share, so that they are spelled and explained alike."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
StoreKey = Annotated[str, typer.Argument(metavar="KEY", help="The store's key, as `stores list` shows it.", show_default=False)]
Raw = Annotated[bool, typer.Option("--raw", help="Texts as they stand: no ' before what a spreadsheet takes for a formula.")]
