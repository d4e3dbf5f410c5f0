"""Reading a store's settings, which are text. Every fault is a UsageError naming the setting and what it may be."""

import re
from collections.abc import Iterable, Mapping
from typing import overload

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import MIRROR_SETTING, NEVER_ONE, ONE_STOCK, SAME_SKU_SETTING

COMMON_SETTINGS: Mapping[str, str] = {
    "connections": "requests in flight at once, 1 to 64 (8)",
    "requests_per_second": "at most so many requests a second, such as 2 or 0.5 (no limit)",
    "timeout": "seconds to wait for a connection or for the next byte, 1 to 600 (30)",
    "min_bytes_per_second": "a body that comes more slowly over a minute of waiting is given up, 0 to 1000000; 0 for never (256)",
    "verify_tls": "false accepts a certificate that nobody vouches for; only for a shop in your own network (true)",
    "fall_percent": "percent of what is in stock that may be out of stock or unknown in one sync, 1 to 100; 100 for all (50)",
    "fall_lines": "so many lines may always be, 0 to 1000000 (20)",
    SAME_SKU_SETTING: f"{ONE_STOCK} where lines with one SKU at one place are one stock (translated twins), {NEVER_ONE} if each"
    " has its own; else equal numbers make a SKU's total ambiguous (either)",
    MIRROR_SETTING: "stores of the same name here show one stock: in a SKU's total the one read last counts (none)",
}

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")


def check_names(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """UsageError for the first name that the platform does not have."""
    names = sorted(known)
    for name in given:
        if name not in names:
            raise UsageError(f"{what} {name!r:.60} is not one of: {', '.join(names) or 'none'}")


@overload
def number(settings: Mapping[str, str], name: str, default: float, low: float, high: float) -> float: ...
@overload
def number(settings: Mapping[str, str], name: str, default: None, low: float, high: float) -> float | None: ...
def number(settings: Mapping[str, str], name: str, default: float | None, low: float, high: float) -> float | None:
    text = settings.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UsageError(f"setting {name}={text!r:.40} is not a number from {low:g} to {high:g}")
    return value


def whole_number(settings: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = number(settings, name, default, low, high)
    if value != int(value):
        raise UsageError(f"setting {name}={settings[name]!r:.40} is not a whole number from {low} to {high}")
    return int(value)


def flag(settings: Mapping[str, str], name: str, default: bool) -> bool:
    text = settings.get(name, "").strip().lower()
    if text not in ("", "true", "false"):
        raise UsageError(f"setting {name}={text!r:.40} is neither true nor false")
    return default if not text else text == "true"


def choice(settings: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    text = settings.get(name, "").strip().lower() or default
    if text not in choices:
        raise UsageError(f"setting {name}={text!r:.40} is none of: {', '.join(choices)}")
    return text


def language(settings: Mapping[str, str], name: str) -> str:
    """The code of a language, such as en or pt-br; "" where none is set."""
    text = settings.get(name, "").strip()
    if text and not _LANGUAGE.fullmatch(text):
        what = "the code of a language as the plugin writes it, such as en or pt-br"
        raise UsageError(f"setting {name}={text!r:.40} is not {what}")
    return text
