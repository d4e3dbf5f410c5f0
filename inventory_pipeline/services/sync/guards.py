"""Whether a read may be believed: pure rules over what was counted. DESIGN's outcomes, with their figures in one place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.core.sync import RejectedReason

# A gap this small that shows in two reads is a fault of the platform's count, not of the read.
SMALL_GAP_ENTITIES = 3
SMALL_GAP_SHARE = 0.005
# Both must be exceeded, so that neither a tiny shop nor a large one trips over ordinary work.
SHRINK_SHARE, SHRINK_LINES = 0.30, 20
REJECTED_SHARE, REJECTED_LINES = 0.05, 20
# A shop of so few quantities may sell all of them in one day.
FEW_STOCKED = 5
# One field that makes so many of the lines unreadable is no fault of single lines.
CHANGED_SHARE, CHANGED_LINES = 0.90, 3
_REASONS_TOLD = 3

# The setting of a run that publishes the read all the same.
Acceptance = Literal["accept_shrink", "accept_unreadable"]


@dataclass(frozen=True, slots=True)
class FallBounds:
    """How much of what is in stock may be out of stock or unknown in the next read; both must be exceeded."""

    share: float = 0.50
    lines: int = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What a staged read shows beside the current levels, in lines. `vanished` of `present_before` it does not show.

    Of `stocked` quantities `emptied` would be out of stock and `unreadable` unknown; `becoming_unknown` counts all lines that
    would be unknown. `rejections` are the commonest reasons of the `rejected` lines.
    """

    seen: int
    rejected: int
    present_before: int
    vanished: int
    stocked: int = 0
    emptied: int = 0
    unreadable: int = 0
    becoming_unknown: int = 0
    rejections: Sequence[RejectedReason] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a read is not believed, what would publish it all the same, and what that would do."""

    reason: str
    acceptances: tuple[Acceptance, ...]
    consequence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`doubts` say why a read is not believed. Unseen lines go missing only where the read is whole, or where the proof says
    which ones it hides."""

    decision: Literal["publish", "reread", "quarantine"]
    doubts: tuple[Doubt, ...] = ()
    warnings: tuple[str, ...] = ()
    unseen_go_missing: bool = True


def judge(
    figures: Figures,
    proof: Completeness,
    *,
    first_gap: int | None,
    accepted_gap: int = 0,
    accepted: Sequence[Acceptance] = (),
    bounds: FallBounds | None = None,
) -> Verdict:
    """Decides what becomes of a staged read.

    `first_gap` is None at the first read and the first read's gap at the second (-1 where that one broke off).
    `accepted_gap` is what a person accepted for the last published snapshot: a platform that always counts rows it
    never shows must not need a person every four hours. `accepted` is what a person accepts of this one.
    """
    if proof.gap and first_gap is None:
        told = f"the platform says {proof.expected:,}, the read shows {proof.read:,}"
        return Verdict("reread", (Doubt(told, ("accept_shrink",), ""),))
    doubts: list[Doubt] = []
    warnings: list[str] = []
    if proof.gap:
        told = f"{proof.gap:,} of {proof.expected:,} entries that the platform counts were not shown in two reads"
        small = first_gap == proof.gap and proof.gap <= small_gap(proof.expected or 0)
        which = "they keep" if proof.knows_what_is_hidden else "lines unseen in this read keep"
        stays = f"{which} their last stock as unverified"
        if small or proof.gap <= accepted_gap or "accept_shrink" in accepted:
            warnings.append(f"{told}; {stays}")
        else:
            doubts.append(Doubt(f"not provably complete: {told}", ("accept_shrink",), stays))
    of_rejections = _rejections(figures)
    of_content = [*_shrink(figures), *of_rejections, *_falls(figures, bounds or FallBounds(), bool(of_rejections))]
    for doubt in of_content:
        if set(doubt.acceptances) <= set(accepted):
            warnings.append(doubt.reason)
        else:
            doubts.append(doubt)
    if figures.rejected and not of_rejections:
        warnings.append(f"{figures.rejected:,} lines could not be read and were rejected{_reasons(figures.rejections)}")
    decision = "quarantine" if doubts else "publish"
    return Verdict(decision, tuple(doubts), tuple(warnings), unseen_go_missing=proof.knows_what_is_hidden)


def small_gap(expected: int) -> float:
    return max(SMALL_GAP_ENTITIES, expected * SMALL_GAP_SHARE)


def _shrink(figures: Figures) -> list[Doubt]:
    before, gone = figures.present_before, figures.vanished
    if before and not figures.seen:
        told = f"the read shows nothing where there were {before:,} lines"
        return [Doubt(told, ("accept_shrink",), f"{before:,} lines will be missing")]
    if gone > SHRINK_LINES and gone > before * SHRINK_SHARE:
        told = f"{gone:,} of {before:,} lines are gone ({gone / before:.0%})"
        return [Doubt(told, ("accept_shrink",), f"{gone:,} lines will be missing")]
    return []


def _rejections(figures: Figures) -> list[Doubt]:
    rejected, seen = figures.rejected, figures.seen
    changed = _changed_field(figures)
    if not changed and not (rejected > REJECTED_LINES and rejected > seen * REJECTED_SHARE):
        return []
    told = f"{rejected:,} of {seen:,} lines could not be read{_reasons(figures.rejections)}"
    if changed:
        told = f"the platform changed: {changed}; look what was updated there, the platform itself or a plugin; {told}"
    unknown = figures.becoming_unknown
    does = f"{unknown:,} lines will be unknown" if unknown else f"{rejected:,} lines will be left out until they can be read"
    return [Doubt(told, ("accept_unreadable",), does)]


def _changed_field(figures: Figures) -> str:
    """What is wrong with one field in about every line, as a sentence; empty where the faults are those of single lines."""
    if not figures.rejections or figures.rejected < CHANGED_LINES:
        return ""
    by_field = Counter[str]()
    for each in figures.rejections:
        if each.field:
            by_field[each.field] += each.count
    field, count = next(iter(by_field.most_common(1)), ("", 0))
    if not field or count < figures.seen * CHANGED_SHARE or (count < figures.seen and count <= REJECTED_LINES):
        return ""
    most = next(each for each in figures.rejections if each.field == field)
    where = f"every one of {count:,} lines" if count == figures.seen else f"{count:,} of {figures.seen:,} lines"
    return f"in {where} {most.reason}"


def _falls(figures: Figures, bounds: FallBounds, rejections_told: bool) -> list[Doubt]:
    """Most of what was in stock is out of stock, or unknown, all at once."""
    stocked, emptied, unreadable = figures.stocked, figures.emptied, figures.unreadable
    if not _too_many(emptied + unreadable, stocked, bounds):
        return []
    doubts: list[Doubt] = []
    alone = _too_many(emptied, stocked, bounds) or _too_many(unreadable, stocked, bounds)
    if emptied and (not alone or _too_many(emptied, stocked, bounds)):
        told = f"{emptied:,} of {stocked:,} lines that had stock are out of stock at once ({emptied / stocked:.0%})"
        doubts.append(Doubt(told, ("accept_shrink",), f"{emptied:,} lines will be out of stock"))
    if unreadable and not rejections_told and (not alone or _too_many(unreadable, stocked, bounds)):
        told = f"{unreadable:,} of {stocked:,} lines that had stock have no number any more ({unreadable / stocked:.0%})"
        doubts.append(Doubt(told, ("accept_unreadable",), f"{figures.becoming_unknown:,} lines will be unknown"))
    return doubts


def _too_many(fallen: int, stocked: int, bounds: FallBounds) -> bool:
    if bounds.share >= 1:
        return False
    if stocked > FEW_STOCKED and fallen == stocked:
        return True
    return fallen > bounds.lines and fallen > stocked * bounds.share


def _reasons(rejections: Sequence[RejectedReason]) -> str:
    if not rejections:
        return ""
    more = len(rejections) - _REASONS_TOLD
    told = "; ".join(map(str, rejections[:_REASONS_TOLD]))
    return f": {told}" + (f"; and {more} other reasons" if more > 0 else "")
