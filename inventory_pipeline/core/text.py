"""Texts from outside, made safe to store and to print on one line."""

import re
from typing import overload

REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """Whether every database can hold the text: no NUL (PostgreSQL refuses it), no lone surrogate (not UTF-8)."""
    return "\0" not in text and (text.isascii() or _SURROGATE.search(text) is None)


@overload
def clean_text(text: str, limit: int | None = None) -> str: ...
@overload
def clean_text(text: None, limit: int | None = None) -> None: ...
def clean_text(text: str | None, limit: int | None = None) -> str | None:
    """The text with what cannot be stored shown as U+FFFD, cut to `limit` characters with an ellipsis."""
    if text is None:
        return None
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if is_clean(text):
        return text
    return "".join(REPLACEMENT if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def one_line(text: object, limit: int = 250) -> str:
    """White space folded, unprintable characters shown as U+FFFD, cut to `limit` characters: for tags and messages."""
    folded = " ".join(str(text).split())
    shown = "".join(c if c.isprintable() else REPLACEMENT for c in folded)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def short_with_cure(text: object, limit: int = 250) -> str:
    """One line of at most `limit` characters that keeps what to do, which errors say last: the middle is left out.

    The first words say what is wrong, and the last parts (between semicolons) stay whole, as many as there is room for.
    """
    whole = one_line(text, len(str(text)) + 1)
    if len(whole) <= limit:
        return whole
    parts = whole.split("; ")
    kept = ""
    for part in reversed(parts[1:]):
        longer = f"; {part}{kept}"
        if len(longer) > limit * 3 // 4:
            break
        kept = longer
    if not kept and len(parts) > 1:
        kept = f"; …{parts[-1][-(limit // 2) :]}"
    return whole[: limit - 1 - len(kept)].rstrip(" ;") + "…" + kept
