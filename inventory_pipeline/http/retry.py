"""Which failures are retried, after how many seconds, and which error a failure is in the end."""

import random
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import stamina.instrumentation

from inventory_pipeline.core.addresses import AddressRefused
from inventory_pipeline.core.errors import PlatformTooSlow, PlatformUnavailable, RateLimited, StoreMisconfigured, SyncError
from inventory_pipeline.http.response import host_and_path

# The client logs each attempt with its wait; stamina's own line would say less, at WARNING.
stamina.instrumentation.set_on_retry_hooks([])

# What OpenSSL reports where the other side does not speak TLS.
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts`, and none that would start more than `budget` seconds after the first."""

    attempts: int = 6
    budget: float = 180.0
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait_before_next(self, attempt: int, elapsed: float, retry_after: float | None) -> float | None:
        """Seconds to wait after `attempt` failed (1 is the first), `elapsed` seconds after the start; None to give up.

        A platform's `retry_after` is taken as it is. Otherwise waits double, half of each random, so that many clients do
        not return at once.
        """
        if attempt >= self.attempts:
            return None
        wait = retry_after
        if wait is None:
            longest = min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))
            wait = random.uniform(longest / 2, longest)
        return wait if elapsed + wait <= self.budget else None


class RetryableError(Exception):
    """An attempt failed in a way that may pass. `error` is what is raised where no attempt follows.

    `wait` is the seconds until the next attempt, set by `decide`; None where there is none.
    """

    def __init__(self, error: SyncError, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
        self.status = status
        self.wait: float | None = None

    def decide(self, policy: RetryPolicy, attempt: int, elapsed: float) -> None:
        """Sets `wait`; where it gives up, `error` says what was tried or how long the platform asks to wait."""
        self.wait = policy.wait_before_next(attempt, elapsed, self.retry_after)
        if self.wait is not None:
            return
        if self.retry_after is not None and attempt < policy.attempts:
            tail = f"and asks to wait {self.retry_after:,.0f} s, longer than a sync waits; the next sync tries again"
        else:
            tail = f"after {attempt} attempts in {elapsed:.0f} s; the next sync tries again"
        self.error.args = (f"{self.error} {tail}",)


def retry_wait(error: Exception) -> float | bool:
    """stamina's hook: the seconds until the next attempt, or False where there is none."""
    return error.wait if isinstance(error, RetryableError) and error.wait is not None else False


def is_retryable(status: int) -> bool:
    """Whether a response of this status is worth another attempt."""
    return status in (408, 429) or status >= 500


def status_error(status: int, summary: str, where: str, headers: httpx.Headers) -> RetryableError:
    """The error of a response whose status `is_retryable`."""
    told, wait = f"{where} answers {summary}", retry_after(headers)
    error = RateLimited(told, wait) if status == 429 else PlatformUnavailable(told, status)
    return RetryableError(error, wait, status)


def retry_after(headers: httpx.Headers, now: datetime | None = None) -> float | None:
    """The seconds that `Retry-After` asks for, given as seconds or as a date (RFC 9110, 10.2.3); None where it says nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def transport_error(error: httpx.TransportError | httpx.InvalidURL, url: str, timeout: float) -> SyncError:
    """The error of a request that got no response: PlatformUnavailable or PlatformTooSlow where another attempt may help,
    StoreMisconfigured where a person must change something. The text holds no header. `timeout` is the client's, in seconds."""
    where = host_and_path(url)
    if isinstance(error, httpx.TimeoutException):
        return PlatformTooSlow(f"{where} gives no answer within {timeout:g} s")
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return StoreMisconfigured(f"the address {where} cannot be used: it needs the form https://shop.example")
    if isinstance(error, httpx.LocalProtocolError):
        # Its own text may quote the header, and with it the secret.
        return StoreMisconfigured(f"the request to {where} cannot be sent: does a credential or setting hold a line break?")
    for cause in _causes(error):
        if isinstance(cause, AddressRefused):
            return StoreMisconfigured(str(cause))
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StoreMisconfigured(
                f"{where}: its certificate is not trusted ({cause.verify_message}); give the shop a valid one, or set"
                " verify_tls=false for a shop in your own network"
            )
        if isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS:
            return StoreMisconfigured(f"{where} does not speak https at this address; try http:// or another port")
        if isinstance(cause, socket.gaierror):
            return PlatformUnavailable(f"the host of {where} is not found; is the address right?")
    if isinstance(error, httpx.ConnectError):
        return PlatformUnavailable(f"{where} cannot be reached (connection refused or no route)")
    # Some servers meet http on their https port by hanging up.
    hint = "; does it speak https?" if url.startswith("http://") else ""
    return PlatformUnavailable(f"{where} breaks the connection off ({type(error).__name__}{hint})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
