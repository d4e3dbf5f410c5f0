"""What `doctor` finds: one line per thing looked at, with what to do where it is not well."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from inventory_pipeline.cli.session import Session
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import short_with_cure

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`warn` is worth a look; `fail` keeps stores from being synced or stock from being true."""

    check: str
    status: Status
    detail: str
    cure: str = ""


Look = Callable[[Session], Iterator[Finding]]


def findings_of(name: str, look: Look, session: Session) -> Iterator[Finding]:
    """What one look finds. One that breaks off is itself a finding: a sick installation must not stop its doctor."""
    try:
        yield from look(session)
    except Exception as error:  # noqa: BLE001 - whatever is wrong here is what the person asked about
        yield Finding(
            name, "fail", short_with_cure(redact(str(error) or type(error).__name__), 500), "the detail names the way out"
        )
