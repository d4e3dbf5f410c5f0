"""What a person gives for a store, looked at before anything is kept: no secret may stand where it would be shown."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.redaction import Redactor, redact
from inventory_pipeline.core.stores import host_of
from inventory_pipeline.http.hosts import Host
from inventory_pipeline.services.integrations.credentials import check_reference, secret_name

# Knows no secret's value, only where secrets stand: else a value such as "berlin" would bar the host berlin.example.
_by_place = Redactor()
_ROTATE = (
    "rotate it (it may be stored in Dagster's history already), give the new one to `inventory-pipeline credentials set NAME`"
)

# A parameter is a secret's by the last word of its name (`apiKey`, `data[auth]`), or by how that ends (`PHPSESSID`, `wskey`).
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SECRET_WORD = re.compile(r"sid|pwd?|psw|pass(phrase|code)?|o?auth|authorization|sign?|hmac|jwt|otp|bearer|session")
_SECRET_END = re.compile(r"(key|token|secret|password|passwd|signature|sessid|sessionid|credentials?)$")
_SHOWABLE = re.compile(r"[A-Za-z][A-Za-z_-]{0,30}")
_RUN = re.compile(r"[A-Za-z0-9]{20,}")
_CHANGE = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")


class Suspect(NamedTuple):
    """A part of an address that is a secret by its place or its looks. `name` is fit to be shown, and empty where none is."""

    kind: str
    name: str
    value: str


def checked_url(url: str) -> str:
    """The address, trimmed. Raises UsageError, repeating no secret of it, where it holds a password or a key or is none."""
    url = url.strip()
    if suspect := suspect_in(url):
        redact.add(url, suspect.value)
        raise UsageError(
            f"the address holds a password or key ({suspect.kind}), and addresses are shown; {_ROTATE}, and refer to it by"
            f" {way_out(suspect)}"
        )
    if url.lower().startswith(("http://", "https://")):
        Host.of_address(url)
    host_of(url)
    return url


def suspect_in(url: str) -> Suspect | None:
    """The first part of an address that must not stand there: a user's name or password, or a parameter, in the query, the
    fragment or behind a `;`, that is a secret by its name, or twenty or more letters and digits mixed."""
    scheme, found, rest = url.strip().partition("://")
    authority, *parts = re.split(r"([?#;])", rest if found else scheme)
    if found and scheme.lower() != "file" and "@" in authority.partition("/")[0]:
        return Suspect("what stands before @", "", authority.partition("/")[0].rpartition("@")[0])
    for name, value in _parameters(parts):
        shown = name if _SHOWABLE.fullmatch(name) else ""
        if (value and _is_secret_by_name(name)) or looks_random(value) or looks_random(name):
            return Suspect(f"the value of {shown}" if shown else "a parameter", shown, value or name)
    if any(_by_place(text) != text for text in (url, unquote_plus(url))):
        return Suspect("in an address within it", "", url)
    return None


def way_out(suspect: Suspect) -> str:
    """The credential by which a feed is given the same without its being shown."""
    if not suspect.name and "@" in suspect.kind:
        return "the credentials username=secret:NAME and password=secret:NAME, with which a feed signs in"
    return (
        f"the credential query.{suspect.name or 'PARAMETER'}=secret:NAME, which a feed appends to its address whenever it is read"
    )


def looks_random(text: str) -> bool:
    """Twenty or more letters and digits, mixed, as no word, number or date has them; with `-` and the like in between only
    where they change often."""
    if any(not run.isalpha() and not run.isdecimal() for run in _RUN.findall(text)):
        return True
    solid = re.sub(r"[-_.~+/=]", "", text)
    return len(solid) >= 20 and solid.isascii() and solid.isalnum() and len(_CHANGE.findall(solid)) >= 4


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
            raise UsageError(
                f"credential {name!r:.40} refers to a secret that is not stored; `inventory-pipeline credentials set NAME` stores"
                " one, and `credentials list` shows the names"
            )


def merged(old: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """`given` over `old`; an empty value takes the name away."""
    return {name: value for name, value in {**old, **given}.items() if value}


def _parameters(parts: list[str]) -> Iterator[tuple[str, str]]:
    """Names and values of what stands behind the first `?`, `#` or `;` of an address; one without `=` has no name."""
    for text in parts[1::2]:
        for pair in text.split("&"):
            name, equals, value = pair.partition("=")
            yield (unquote_plus(name), unquote_plus(value)) if equals else ("", unquote_plus(name))


def _is_secret_by_name(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    named = bool(words) and (_SECRET_WORD.fullmatch(words[-1]) or _SECRET_END.search("".join(words)))
    return bool(named) or _by_place(given := f"?{name}=value") != given
