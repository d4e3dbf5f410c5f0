"""Whether a read may be believed: pure rules over what was counted. DESIGN's outcomes, with their figures in one place."""

from dataclasses import dataclass
from typing import Literal

from inventory_pipeline.core.stock import Completeness

# A gap this small that shows in two reads is a fault of the platform's count, not of the read.
SMALL_GAP_ENTITIES = 3
SMALL_GAP_SHARE = 0.005
# Both must be exceeded, so that neither a tiny shop nor a large one trips over ordinary work.
SHRINK_SHARE, SHRINK_LINES = 0.30, 20
REJECTED_SHARE, REJECTED_LINES = 0.05, 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What a staged read shows beside the current levels, in lines. `vanished` of `present_before` it does not show."""

    seen: int
    rejected: int
    present_before: int
    vanished: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` say why a read is not believed. Unseen lines go missing only where the read is whole."""

    decision: Literal["publish", "reread", "quarantine"]
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unseen_go_missing: bool = True


def judge(
    figures: Figures,
    proof: Completeness,
    *,
    first_gap: int | None,
    accepted_gap: int = 0,
    accept_shrink: bool = False,
) -> Verdict:
    """Decides what becomes of a staged read.

    `first_gap` is None at the first read and the first read's gap at the second (-1 where that one broke off).
    `accepted_gap` is what a person accepted for the last published snapshot: a platform that always counts rows it
    never shows must not need a person every four hours.
    """
    if proof.gap and first_gap is None:
        return Verdict("reread", (f"the platform says {proof.expected:,}, the read shows {proof.read:,}",))
    reasons: list[str] = []
    warnings: list[str] = []
    if proof.gap:
        told = f"{proof.gap:,} of {proof.expected:,} entries that the platform counts were not shown in two reads"
        small = first_gap == proof.gap and proof.gap <= small_gap(proof.expected or 0)
        if small or proof.gap <= accepted_gap or accept_shrink:
            warnings.append(f"{told}; lines unseen in this read keep their last stock as unverified")
        else:
            reasons.append(f"not provably complete: {told}")
    reasons_to_doubt = _shrink(figures) + _rejections(figures)
    (warnings if accept_shrink else reasons).extend(reasons_to_doubt)
    if figures.rejected and not reasons_to_doubt:
        warnings.append(f"{figures.rejected:,} lines could not be read and were rejected")
    decision = "quarantine" if reasons else "publish"
    return Verdict(decision, tuple(reasons), tuple(warnings), unseen_go_missing=proof.gap == 0)


def small_gap(expected: int) -> float:
    return max(SMALL_GAP_ENTITIES, expected * SMALL_GAP_SHARE)


def _shrink(figures: Figures) -> list[str]:
    if figures.present_before and not figures.seen:
        return [f"the read shows nothing where there were {figures.present_before:,} lines"]
    if figures.vanished > SHRINK_LINES and figures.vanished > figures.present_before * SHRINK_SHARE:
        share = figures.vanished / figures.present_before
        return [f"{figures.vanished:,} of {figures.present_before:,} lines are gone ({share:.0%})"]
    return []


def _rejections(figures: Figures) -> list[str]:
    if figures.rejected > REJECTED_LINES and figures.rejected > figures.seen * REJECTED_SHARE:
        return [f"{figures.rejected:,} of {figures.seen:,} lines could not be read"]
    return []
