"""The life of an alert, for any course that stock may take."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.alerts import AlertState, Level, Verdict, acknowledge, is_alarm, is_worse, snooze, transition

START = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
VERDICTS: list[Verdict] = ["runs_out", "low", "backorder", "out", "oversold", "recovering", "held", "fine", "gone"]

verdicts = st.sampled_from(VERDICTS)
# What happens in an hour: an evaluation, and what a person does to the alert afterwards (hours of snooze, or 0: seen).
hours = st.lists(st.tuples(verdicts, st.one_of(st.none(), st.integers(0, 5))), max_size=40)
Told = tuple[int, str, Level]


def live(course: list[tuple[Verdict, int | None]]) -> tuple[list[Told], list[AlertState | None]]:
    """What was told, hour by hour, and the alert after each."""
    state: AlertState | None = None
    told: list[Told] = []
    after: list[AlertState | None] = []
    for hour, (verdict, person) in enumerate(course):
        now = START + hour * HOUR
        taken = transition(state, verdict, now)
        state = taken.state
        if taken.event is not None:
            assert state is not None
            told.append((hour, taken.event, state.level))
        if person is not None and state is not None and state.status != "resolved":
            state = snooze(state, now + person * HOUR) if person else acknowledge(state)
        after.append(state)
    return told, after


@given(hours)
def test_nothing_opens_twice_without_recovery(course: list[tuple[Verdict, int | None]]) -> None:
    is_open = False
    for _, event, _ in live(course)[0]:
        if event == "opened":
            assert not is_open
        is_open = event != "resolved"


@given(hours)
def test_within_one_life_each_worsening_is_told_once(course: list[tuple[Verdict, int | None]]) -> None:
    worst: Level | None = None
    for _, event, level in live(course)[0]:
        if event == "worsened":
            assert worst is not None
            assert is_worse(level, worst)
        if event in ("opened", "worsened"):
            worst = level


@given(hours)
def test_only_alarms_open_and_only_wellness_ends(course: list[tuple[Verdict, int | None]]) -> None:
    for hour, event, _ in live(course)[0]:
        verdict = course[hour][0]
        assert is_alarm(verdict) if event != "resolved" else verdict in ("fine", "gone")


@given(hours)
def test_an_alarm_always_leaves_an_alert_of_that_level(course: list[tuple[Verdict, int | None]]) -> None:
    for (verdict, _), state in zip(course, live(course)[1], strict=True):
        if is_alarm(verdict):
            assert state is not None
            assert state.status != "resolved"
            assert state.level == verdict


@given(hours)
def test_nobody_is_told_before_a_snooze_ends_unless_it_is_resolved(course: list[tuple[Verdict, int | None]]) -> None:
    told, after = live(course)
    for hour, event, _ in told:
        before = after[hour - 1] if hour else None
        if before is not None and before.status == "snoozed" and before.snoozed_until is not None:
            assert event == "resolved" or START + hour * HOUR >= before.snoozed_until


@given(hours, verdicts, verdicts)
def test_unknown_stock_changes_nothing(course: list[tuple[Verdict, int | None]], first: Verdict, last: Verdict) -> None:
    calm: list[tuple[Verdict, int | None]] = [*course, (first, None)]
    held: list[tuple[Verdict, int | None]] = [*calm, ("held", None), (last, None)]
    assert [told for told in live(held)[0] if told[0] == len(calm)] == []
    assert live(held)[1][len(calm)] == live(calm)[1][-1]


def test_a_worsening_wakes_what_was_acknowledged_but_not_what_is_snoozed() -> None:
    low = AlertState("open", "low", "low")
    assert transition(acknowledge(low), "out", START).event == "worsened"
    snoozed = snooze(low, START + HOUR)
    assert transition(snoozed, "out", START).count == "suppressed"
    assert transition(snoozed, "out", START + HOUR).event == "worsened"
    assert transition(snoozed, "low", START + HOUR).event == "reminded"


def test_what_is_above_its_threshold_is_not_called_out_of_stock_while_it_recovers() -> None:
    out = AlertState("acknowledged", "out", "oversold")
    assert transition(out, "recovering", START).state == AlertState("acknowledged", "low", "oversold")
    assert transition(AlertState("open", "runs_out", "low"), "recovering", START).state == AlertState("open", "runs_out", "low")
    assert transition(AlertState("open", "low", "oversold"), "out", START).event is None


def test_a_delivery_that_lifts_a_backorder_to_zero_is_no_bad_news() -> None:
    assert transition(AlertState("open", "backorder", "backorder"), "out", START).event is None
