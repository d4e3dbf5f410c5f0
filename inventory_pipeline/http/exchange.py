"""One request as it went: what `--verbose` shows and the log file keeps."""

import logging
from dataclasses import dataclass

logger = logging.getLogger("inventory_pipeline.http")


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """`url` is redacted. `status` is None where no answer came; `wait` is the seconds until the next attempt (0: none)."""

    method: str
    url: str
    status: int | None
    milliseconds: int
    attempt: int = 1
    wait: float = 0.0
    error: str = ""

    def __str__(self) -> str:
        told = f"{self.method} {self.url} {self.status or 'no answer'} in {self.milliseconds} ms, attempt {self.attempt}"
        if self.error:
            told += f": {self.error}"
        return f"{told}; next in {self.wait:.1f} s" if self.wait else told
