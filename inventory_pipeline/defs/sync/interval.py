"""How long the schedule leaves between two syncs: what a snapshot's freshness is measured by."""

from datetime import UTC, datetime, timedelta
from itertools import islice

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
    from inventory_pipeline.defs.sync.schedules import checked_cron

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
