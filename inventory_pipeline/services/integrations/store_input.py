"""What a person gives for a store, looked at before anything is kept: no secret may stand where it would be shown."""

from collections.abc import Iterable, Mapping

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import Redactor, redact
from inventory_pipeline.core.stores import host_of
from inventory_pipeline.services.integrations.credentials import check_reference, secret_name

# Knows no secret's value, only where secrets stand: else a value such as "berlin" would bar the host berlin.example.
_by_place = Redactor()
_ROTATE = (
    "rotate it (it may be stored in Dagster's history already), give the new one to `inventory-pipeline credentials set NAME`"
)


def checked_url(url: str) -> str:
    """The address, trimmed. Raises UsageError, repeating nothing of it, where it holds a password or a key or is none."""
    url = url.strip()
    if _by_place(url) != url:
        redact.add(url)
        raise UsageError(
            f"the address holds a password or key, and addresses are shown; {_ROTATE}, and refer to it as a credential"
        )
    host_of(url)
    return url


def check_settings(settings: Mapping[str, str]) -> None:
    """UsageError for a setting that is a secret by its name: settings are shown."""
    for name, value in settings.items():
        if value and _by_place(f"{name}: {value}") != f"{name}: {value}":
            redact.add(value)
            raise UsageError(
                f"setting {name!r:.40} is a secret by its name, and settings are shown; {_ROTATE}, and make it a credential"
            )


def check_references(references: Mapping[str, str], stored: Iterable[str]) -> None:
    """UsageError for a reference of the wrong form, or to a secret that is not stored; it repeats no reference."""
    names = set(stored)
    for name, reference in references.items():
        check_reference(name, reference)
        secret = secret_name(reference)
        if secret is not None and secret not in names:
            redact.add(secret)  # whoever puts `secret:` before the secret itself gets here
            known = f"stored are: {', '.join(sorted(names))}" if names else "none is stored yet"
            raise UsageError(
                f"credential {name!r:.40} refers to a secret that is not stored; {known};"
                " `inventory-pipeline credentials set NAME` stores one"
            )


def merged(old: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """`given` over `old`; an empty value takes the name away."""
    return {name: value for name, value in {**old, **given}.items() if value}
