"""Values that must not be seen: from standard input, or from a prompt that shows nothing."""

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
