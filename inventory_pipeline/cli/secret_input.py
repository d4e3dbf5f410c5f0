"""Values that must not be seen: from standard input, or from a prompt that shows nothing. And what is asked beside them."""

import sys

import typer

from inventory_pipeline.core.errors import UsageError

FROM_INPUT = "-"


def read_secret(what: str) -> str:
    """One line of standard input, or on a terminal what the person types. Raises UsageError where there is none."""
    if sys.stdin.isatty():
        return typer.prompt(what, hide_input=True, err=True)
    line = sys.stdin.readline()
    if not line.strip():
        raise UsageError(f"standard input holds no value for {what}: pipe it in, one line for each")
    return line.rstrip("\r\n")


def read_words(what: str, otherwise: str) -> list[str]:
    """What a person types on a terminal, word by word. Elsewhere standard input holds the value: UsageError, `otherwise`."""
    if not sys.stdin.isatty():
        raise UsageError(otherwise)
    return typer.prompt(what, err=True).replace(",", " ").split()
