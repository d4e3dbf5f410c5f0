"""When to ask again, and how long to wait first."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import stamina.instrumentation

from inventory_pipeline.core.errors import PlatformUnavailable, RateLimited, SyncError

# Each request already has its own line, with the wait in it; stamina's would say less, at WARNING.
stamina.instrumentation.set_on_retry_hooks([])


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts`, and no further one that would start more than `budget` seconds after the first."""

    attempts: int = 6
    budget: float = 180.0
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait_before_next(self, attempt: int, elapsed: float, retry_after: float | None) -> float | None:
        """Seconds to wait after the failed `attempt` (1 is the first), or None to give up.

        The platform's own word is taken as it is; otherwise waits double, half of each left to chance, so that many
        clients do not return together.
        """
        if attempt >= self.attempts:
            return None
        wait = retry_after
        if wait is None:
            longest = min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))
            wait = random.uniform(longest / 2, longest)
        return wait if elapsed + wait <= self.budget else None


class RetryableError(Exception):
    """An attempt failed in a way that may pass. `wait` is what the policy decided; None means `error` is final."""

    def __init__(self, error: SyncError, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
        self.status = status
        self.wait: float | None = None

    def decide(self, policy: RetryPolicy, attempt: int, elapsed: float) -> None:
        """Sets `wait`; where it gives up, `error` says what was tried or what the platform asks for."""
        self.wait = policy.wait_before_next(attempt, elapsed, self.retry_after)
        if self.wait is not None:
            return
        if self.retry_after is not None and attempt < policy.attempts:
            tail = f"and asks to wait {self.retry_after:,.0f} s, longer than a sync waits; the next sync tries again"
        else:
            tail = f"after {attempt} attempts in {elapsed:.0f} s; the next sync tries again"
        text = f"{self.error} {tail}"
        self.error = RateLimited(text, self.retry_after) if isinstance(self.error, RateLimited) else type(self.error)(text)


def retry_wait(error: Exception) -> float | bool:
    """stamina's hook: the seconds that were decided, or False for what must not be tried again."""
    return error.wait if isinstance(error, RetryableError) and error.wait is not None else False


def is_retryable(status: int) -> bool:
    """Whether the status itself says that another attempt may help."""
    return status in (408, 429) or status >= 500


def status_error(status: int, summary: str, where: str, headers: httpx.Headers) -> RetryableError:
    error = RateLimited(f"{where} answers {summary}") if status == 429 else PlatformUnavailable(f"{where} answers {summary}")
    return RetryableError(error, retry_after(headers), status)


def retry_after(headers: httpx.Headers, now: datetime | None = None) -> float | None:
    """Seconds that `Retry-After` asks for, given as seconds or as a date (RFC 9110, 10.2.3); None where it says nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
