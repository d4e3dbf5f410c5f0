"""Words for people: on a terminal no line is wider than it and no word is broken; elsewhere a text is one line."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import TextIO

import typer

PROGRAM = "inventory-pipeline"
# After these a word that is longer than the terminal is broken: in addresses and paths.
_BREAKABLE = re.compile(r"(?<=[/&?=,;:._-])")
# A lead that leaves less room than this stands on a line of its own.
_NARROWEST = 16


def say(text: str, lead: str = "") -> None:
    """Prints a sentence; on a terminal its further lines stand below its first, right of the lead."""
    for line in hanging(lead, text, terminal_width()):
        typer.echo(line)


def complain(text: str) -> None:
    """Prints a sentence on standard error, in the program's name."""
    for line in wrap(f"{PROGRAM}: {text}", terminal_width(sys.stderr)):
        typer.echo(line, err=True)


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Places in a line of the terminal that standard output (or `stream`) is; None where it is piped or a file."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def styled(text: str, colour: str | None = None, *, bold: bool = False) -> str:
    """The text in bold or a colour, where standard output shows it. (NO_COLOR: https://no-color.org)"""
    if not (colour or bold) or not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return typer.style(text, fg=colour, bold=bold or None)


def hanging(lead: str, text: str, width: int | None) -> Iterator[str]:
    """The text right of its lead, in lines of at most so many places."""
    indent = text_width(lead)
    if width is not None and width - indent < _NARROWEST < indent:
        yield lead.rstrip()
        lead, indent = " " * 4, 4
    for line in wrap(text, width and width - indent):
        yield (lead + line).rstrip()
        lead = " " * indent


def wrap(text: str, width: int | None) -> list[str]:
    """Lines of at most so many places, broken at spaces; only a word that is longer by itself is broken within."""
    if width is None or text_width(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        for number, piece in enumerate(_pieces(word, width)):
            space = " " if number == 0 and lines[-1] else ""
            if text_width(longer := lines[-1] + space + piece) <= width:
                lines[-1] = longer
            else:
                lines.append(piece)
    return [line for line in lines if line]


def _pieces(word: str, width: int) -> Iterator[str]:
    """The word, or the parts of one that is wider than a line."""
    for piece in [word] if text_width(word) <= width else _BREAKABLE.split(word):
        while text_width(piece) > width:
            fitting = next((end for end in range(len(piece), 1, -1) if text_width(piece[:end]) <= width), 1)
            yield piece[:fitting]
            piece = piece[fitting:]
        yield piece


def text_width(text: str) -> int:
    """Places on a terminal: some characters take two, some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # here, since most texts are ASCII and need nothing of Rich

    return cell_len(text)
