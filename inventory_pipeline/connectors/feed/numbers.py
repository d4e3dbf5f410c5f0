"""Numbers as people and programs write them into feeds, read exactly or refused; a mark is never guessed."""

import re
from dataclasses import dataclass, field

from inventory_pipeline.core.errors import LineRejected, UsageError
from inventory_pipeline.core.quantity import Number, exact_number, platform_number

# Spellings of one mark: a plain, a no-break and a narrow no-break space; a typewriter and a typographic apostrophe.
_MARKS = {"": "", ".": ".", ",": ",", "'": "'’", "’": "'’", "apostrophe": "'’", "space": " \u00a0\u202f", " ": " \u00a0\u202f"}


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """`decimal` is one character; `thousands` holds every spelling of the mark between thousands, or nothing."""

    decimal: str = "."
    thousands: str = ""
    _grouped: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        marks, decimal = re.escape(self.thousands), re.escape(self.decimal)
        pattern = re.compile(rf"[+-]?\d{{1,3}}(?:[{marks}]\d{{3}})+(?:{decimal}\d*)?" if marks else r"(?!)")
        object.__setattr__(self, "_grouped", pattern)

    @classmethod
    def of(cls, decimal: str, thousands: str) -> "NumberFormat":
        """From the settings. Raises UsageError where a mark is unknown or both are the same."""
        mark = decimal.strip() or "."
        marks = _MARKS.get(thousands.strip() or thousands[:1])
        if mark not in (".", ","):
            raise UsageError(f"setting decimal={decimal!r:.40} is neither '.' nor ','")
        if marks is None:
            raise UsageError(f"setting thousands={thousands!r:.40} is none of: '.', ',', an apostrophe, space")
        if mark in marks:
            raise UsageError(f"settings decimal and thousands are both {mark!r}; give one of them another mark")
        return cls(mark, marks)

    def read(self, raw: object, what: str) -> Number:
        """The number, exact. Raises LineRejected for anything else, and for a mark that the settings do not name."""
        if not isinstance(raw, str):
            return platform_number(raw, what)
        text = raw.strip()
        if self._grouped.fullmatch(text):
            text = text.translate(str.maketrans("", "", self.thousands))
        if self.decimal == ",":
            if "." in text:
                raise LineRejected(f"{what} {raw!r:.40} holds a '.', which the settings make neither decimal nor thousands mark")
            text = text.replace(",", ".")
        elif "," in text:
            raise LineRejected(f"{what} {raw!r:.40} holds a ',': say decimal=, or thousands=, in the settings")
        return exact_number(text, what)
