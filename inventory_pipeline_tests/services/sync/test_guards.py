"""The rules that decide whether a read is believed, at and around each of their figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.services.sync.guards import Figures, judge

WHOLE = Completeness(expected=1000, read=1000, how="total")


def short(gap: int, expected: int = 1000) -> Completeness:
    return Completeness(expected=expected, read=expected - gap, how="total")


def figures(seen: int = 1000, rejected: int = 0, before: int = 1000, vanished: int = 0) -> Figures:
    return Figures(seen, rejected, before, vanished)


def test_a_whole_read_is_published_and_its_unseen_lines_go_missing() -> None:
    verdict = judge(figures(vanished=5), WHOLE, first_gap=None)
    assert (verdict.decision, verdict.warnings, verdict.unseen_go_missing) == ("publish", (), True)


def test_a_short_read_is_read_again_once_however_small_the_gap() -> None:
    assert judge(figures(), short(1), first_gap=None).decision == "reread"


@pytest.mark.parametrize(
    ("gap", "expected", "decision"), [(3, 10, "publish"), (4, 10, "quarantine"), (5, 1000, "publish"), (6, 1000, "quarantine")]
)
def test_the_same_small_gap_in_two_reads_is_published_with_a_warning(gap: int, expected: int, decision: str) -> None:
    verdict = judge(figures(), short(gap, expected), first_gap=gap)
    assert verdict.decision == decision
    assert verdict.unseen_go_missing is False
    if decision == "publish":
        assert "unverified" in verdict.warnings[0]


@pytest.mark.parametrize("first_gap", [-1, 1, 3])
def test_another_gap_or_a_first_read_that_broke_off_proves_nothing(first_gap: int) -> None:
    assert judge(figures(), short(2), first_gap=first_gap).decision == "quarantine"


def test_a_second_read_that_is_whole_is_published_without_warning() -> None:
    verdict = judge(figures(), WHOLE, first_gap=40)
    assert (verdict.decision, verdict.warnings) == ("publish", ())


def test_a_gap_that_a_person_accepted_is_not_asked_about_again_but_a_larger_one_is() -> None:
    assert judge(figures(), short(50), first_gap=50, accepted_gap=50).decision == "publish"
    assert judge(figures(), short(51), first_gap=51, accepted_gap=50).decision == "quarantine"
    assert judge(figures(), short(50), first_gap=50, accepted=["accept_shrink"]).decision == "publish"


@pytest.mark.parametrize(
    ("vanished", "before", "decision"),
    [
        (20, 20, "publish"),
        (20, 30, "publish"),
        (21, 30, "quarantine"),
        (21, 70, "publish"),
        (30, 100, "publish"),
        (31, 100, "quarantine"),
    ],
)
def test_shrink_needs_both_more_than_twenty_lines_and_more_than_thirty_percent(vanished: int, before: int, decision: str) -> None:
    assert judge(figures(seen=5, before=before, vanished=vanished), WHOLE, first_gap=None).decision == decision


def test_nothing_where_there_was_something_is_doubted_however_little_it_was() -> None:
    empty = Completeness(expected=0, read=0, how="total")
    assert judge(figures(seen=0, before=1, vanished=1), empty, first_gap=None).decision == "quarantine"
    assert judge(figures(seen=0, before=0), empty, first_gap=None).decision == "publish"


@pytest.mark.parametrize(
    ("rejected", "seen", "decision"),
    [(20, 100, "publish"), (21, 100, "quarantine"), (21, 420, "publish"), (22, 420, "quarantine")],
)
def test_rejections_need_both_more_than_twenty_and_more_than_five_percent(rejected: int, seen: int, decision: str) -> None:
    verdict = judge(figures(seen=seen, rejected=rejected), WHOLE, first_gap=None)
    assert verdict.decision == decision
    if decision == "publish":
        assert "rejected" in verdict.warnings[0]


# What has vanished was present before.
any_figures = st.builds(
    Figures,
    seen=st.integers(0, 500),
    rejected=st.integers(0, 500),
    present_before=st.integers(0, 500),
    vanished=st.integers(0, 500),
    stocked=st.integers(0, 500),
    emptied=st.integers(0, 500),
    unreadable=st.integers(0, 500),
).filter(lambda figures: figures.vanished <= figures.present_before and figures.emptied + figures.unreadable <= figures.stocked)


@given(any_figures, st.integers(0, 300), st.none() | st.integers(-1, 300))
def test_acceptance_turns_every_reason_into_a_warning_and_never_hides_one(
    counted: Figures, gap: int, first_gap: int | None
) -> None:
    plain = judge(counted, short(gap), first_gap=first_gap)
    accepted = judge(counted, short(gap), first_gap=first_gap, accepted=["accept_shrink", "accept_unreadable"])
    if plain.decision == "quarantine":
        assert accepted.decision == "publish"
        assert len(accepted.warnings) >= len(plain.doubts)
    else:
        assert accepted == plain
