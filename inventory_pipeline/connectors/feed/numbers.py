"""Numbers as people and programs write them into feeds, read exactly or rejected.

Whether a dot or comma is a decimal or a thousands mark is decided by all cells of a column. Where they do not tell, the sync
asks for a setting; it never guesses.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from inventory_pipeline.connectors.feed.words import UNITS
from inventory_pipeline.core.errors import LineRejected, UsageError
from inventory_pipeline.core.quantity import Number, platform_number

# Spellings of one mark: a plain, a no-break and a narrow no-break space; a typewriter and a typographic apostrophe.
SPACES, APOSTROPHES = " \u00a0\u202f", "'’"
_MARKS = {"": "", ".": ".", ",": ",", "'": APOSTROPHES, "’": APOSTROPHES, "apostrophe": APOSTROPHES, "space": SPACES, " ": SPACES}
_OTHER = {".": ",", ",": "."}


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """`decimal` is one character; `thousands` holds every mark that may stand between thousands, one of them in a number."""

    decimal: str = "."
    thousands: str = APOSTROPHES + SPACES
    _grouped: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        marks, decimal = re.escape(self.thousands), re.escape(self.decimal)
        pattern = rf"[+-]?\d{{1,3}}(?:([{marks}])\d{{3}})(?:\1\d{{3}})*(?:{decimal}\d*)?" if marks else r"(?!)"
        object.__setattr__(self, "_grouped", re.compile(pattern))

    @classmethod
    def of(cls, decimal: str, thousands: str) -> "NumberFormat":
        """From the settings; where one of them is not said, the other decides. Raises UsageError for marks that are unknown
        or the same."""
        mark = decimal.strip()
        said = thousands.strip().lower() or thousands[:1]
        marks = _MARKS.get(said)
        if mark not in ("", ".", ","):
            raise UsageError(f"setting decimal={decimal!r:.40} is neither '.' nor ','")
        if marks is None:
            raise UsageError(f"setting thousands={thousands!r:.40} is none of: '.', ',', an apostrophe, space")
        mark = mark or _OTHER.get(marks, ".")
        if mark in marks:
            raise UsageError(f"settings decimal and thousands are both {mark!r}; give one of them another mark")
        return cls(mark, marks) if marks else cls.with_decimal(mark)

    @classmethod
    def with_decimal(cls, mark: str) -> "NumberFormat":
        """The format with this decimal mark. The other mark can then only stand between thousands."""
        return cls(mark, _OTHER[mark] + APOSTROPHES + SPACES)

    def __str__(self) -> str:
        return f"{self.decimal!r} is the decimal mark"

    def read(self, raw: object, what: str) -> Number:
        """The number, exact. Raises LineRejected for anything else, and for a mark that has no meaning here."""
        if not isinstance(raw, str):
            return platform_number(raw, what)
        text = raw.strip()
        if self._grouped.fullmatch(text):
            text = text.translate({ord(mark): None for mark in self.thousands})
        other = _OTHER[self.decimal]
        if other in text:
            told = f"holds a {other!r} that is neither decimal nor thousands mark; set decimal= or thousands="
            raise LineRejected(f"{what} {raw!r:.40} {told}", what, f"{raw!r:.40}")
        return platform_number(text.replace(self.decimal, "."), what)


@dataclass(slots=True)
class Marks:
    """What the cells of one column tell of their marks, gathered over the whole file.

    `decimal` maps each mark that can only be the decimal one to the first cell that says so; `open` are the first cells
    with exactly three digits behind their only mark, which say nothing by themselves.
    """

    decimal: dict[str, tuple[str, int]] = field(default_factory=dict)
    open: dict[str, tuple[str, int]] = field(default_factory=dict)

    def look(self, text: str, line: int) -> None:
        """Takes one cell into account; `line` is where it stands."""
        for number in _NUMBERS.findall(text):
            marks = [mark for mark in number if mark in ".,"]
            if not marks:
                continue
            last = marks[-1]
            before, _, after = number.rpartition(last)
            if len(marks) > 1:
                grouped = before if len(set(marks)) == 2 and marks.count(last) == 1 else number
                if _THOUSANDS.fullmatch(grouped):
                    self.decimal.setdefault(_OTHER[marks[0]], (text, line))
            elif len(after) == 3 and before.isdigit() and len(before) <= 3 and before[0] != "0":
                self.open.setdefault(last, (text, line))
            elif after:
                self.decimal.setdefault(last, (text, line))

    def add(self, other: "Marks") -> None:
        for mine, theirs in ((self.decimal, other.decimal), (self.open, other.open)):
            for mark, cell in theirs.items():
                mine.setdefault(mark, cell)

    def decide(self, elsewhere: "Marks") -> NumberFormat | None:
        """How the column's numbers are written; what `elsewhere` in the file is decided counts where the column is not.
        None where it can be read two ways."""
        if len(self.decimal) == 1:
            return NumberFormat.with_decimal(next(iter(self.decimal)))
        if self.decimal or len(self.open) > 1:
            return None
        if not self.open:
            return NumberFormat()
        return NumberFormat.with_decimal(next(iter(elsewhere.decimal))) if len(elsewhere.decimal) == 1 else None

    def doubt(self, what: str) -> str:
        """Why `decide` returned None, with the cells that contradict each other, or the one that can be read two ways."""
        if self.decimal:
            (_, (one, at)), (_, (two, there)) = list(self.decimal.items())[:2]
            return f"{what} is written {one!r:.40} in line {at:,} and {two!r:.40} in line {there:,}; set decimal="
        (mark, (text, line)), *_ = self.open.items()
        return (
            f"{what} {text!r:.40} in line {line:,} can be read two ways, and nothing else in the column decides;"
            f" set thousands={mark} where it is a number of thousands, or decimal={mark}"
        )


_NUMBERS = re.compile(r"(?<![\w.,])[+-]?((?:\d+(?:[ \u00a0\u202f'’]\d{3})*)?(?:[.,]\d+)*)(?:[eE][+-]?\d+)?(?!\d)")

_THOUSANDS = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")

_BODY = r"(?:\d[\d.,'’ \u00a0\u202f]*(?:[eE][+-]?\d+)?|[.,]\d+)"
_AMOUNT = re.compile(
    rf"(?P<least>>=?|≥|\bover\b|\bmin\.?(?!\w)|ab\b|über\b)?\s*(?P<open>\()?\s*(?P<sign>[+\u2212-])?\s*(?P<body>{_BODY}?)"
    r"(?P<minus>[-\u2212])?\s*(?P<close>\))?\s*(?P<plus>\+)?\s*(?P<unit>[^\W\d_]+\.?)?\s*(?P<more>\+)?"
)
_MONTH = r"(jan|feb|fév|mar|mär|mrz|apr|avr|may|mai|jun|jui|jul|aug|aoû|sep|oct|okt|nov|dec|dez|déc)[^\W\d_]*"
_DATE = re.compile(
    rf"\d{{1,2}}[-. ]+{_MONTH}\.?([-. ]+\d{{2,4}})?|{_MONTH}\.?[-. ]+\d{{1,4}}|.*\(a date\)|\d{{4}}-\d\d-\d\d.*"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.IGNORECASE,
)
_RANGE = re.compile(rf"(?P<low>{_BODY}?)\s*(?:-|–|—|\bto\b|\bbis\b)\s*(?P<high>{_BODY}?)(?:\s*(?P<unit>[^\W\d_]+\.?))?")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number out of a cell. `least`: the cell says that it may be more."""

    number: Number
    least: bool = False


def amount_of(text: str, numbers: NumberFormat, what: str) -> Amount:
    """The number in a supplier's cell: 10+, >10, 5 pcs, 5-, (5), 2-5. Raises LineRejected for anything else."""
    match = _AMOUNT.fullmatch(text)
    if match is not None and (match["open"] is None) == (match["close"] is None):
        negative = match["minus"] or match["open"]
        signed = match["sign"] not in (None, "+")
        if not (negative and match["sign"]) and _is_unit(match["unit"]):
            number = numbers.read(match["body"].strip(), what)
            least = bool(match["least"] or match["plus"] or match["more"])
            if not least or not (negative or signed):
                return Amount(-number if negative or signed else number, least)
    match = _RANGE.fullmatch(text)
    if match is not None and _is_unit(match["unit"]):
        low, high = (numbers.read(match[name].strip(), what) for name in ("low", "high"))
        if low < high:
            return Amount(low, least=True)
    if _DATE.fullmatch(text):
        told = "is a date, as spreadsheets make of 3-1 and the like; have it exported as text"
        raise LineRejected(f"{what} {text!r:.40} {told}", what, f"{text!r:.40}")
    return Amount(numbers.read(text, what))  # which says what is wrong


def _is_unit(word: str | None) -> bool:
    return word is None or word.casefold() in UNITS


def decided(columns: Iterable[Marks]) -> Marks:
    """What all columns of a file tell together."""
    together = Marks()
    for marks in columns:
        together.add(marks)
    return together
