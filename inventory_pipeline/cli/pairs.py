"""Options of the form NAME=VALUE."""

from collections.abc import Iterable

from inventory_pipeline.core.errors import UsageError


def read_pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """The values by name. Raises UsageError, which repeats no value, for one without `=` and for a name given twice."""
    pairs: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        name = name.strip()
        if not separator or not name:
            raise UsageError(f"{option} takes NAME=VALUE, and one of those given is not of that form")
        if name in pairs:
            raise UsageError(f"{option} {name!r:.60} is given twice")
        pairs[name] = value
    return pairs
