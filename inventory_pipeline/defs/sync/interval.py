"""The schedule's cron line, and how long it leaves between two syncs: what a snapshot's freshness is measured by."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.environment import DEFAULT_CRON, Environment

# A week shows every gap that a cron line leaves between days; more ticks than these come from a line of every few minutes.
_SPAN = timedelta(days=8)
_TICKS = 2_500


def sync_interval(environment: Environment) -> timedelta:
    """The longest gap between two of the schedule's next ticks: over the week-end for a line of working days.

    Raises UsageError for a cron line or time zone that cannot be used.
    """
    if environment.sync_cron == DEFAULT_CRON:
        return SYNC_INTERVAL
    from inventory_pipeline.defs.private_dagster import schedule_execution_time_iterator

    cron = checked_cron(environment.sync_cron, environment.timezone)
    ticks = schedule_execution_time_iterator(datetime.now(UTC).timestamp(), cron, environment.timezone)
    first = previous = next(ticks)
    longest = timedelta()
    for tick in islice(ticks, _TICKS):
        longest = max(longest, tick - previous)
        previous = tick
        if tick - first > _SPAN:
            break
    return longest


def checked_cron(cron: str, timezone: str) -> str:
    """The cron line, or UsageError naming the variable that cannot be used and showing one that can."""
    from inventory_pipeline.defs.private_dagster import is_valid_cron_string

    if not is_valid_cron_string(cron) or not _ever_ticks(cron, timezone):
        raise UsageError(
            f"INVENTORY_SYNC_CRON={cron!r:.60} is not a cron line of five fields that ever ticks, such as '0 */2 * * *'"
        )
    return cron


def _ever_ticks(cron: str, timezone: str) -> bool:
    """31 April is valid to the letter, and would stop Dagster's scheduler with an error at each tick."""
    from inventory_pipeline.defs.private_dagster import schedule_execution_time_iterator

    try:
        next(iter(schedule_execution_time_iterator(datetime.now(UTC).timestamp(), cron, timezone)))
    except ValueError:
        return False
    return True
