"""Secrets kept out of every text that leaves the process."""

import re
from collections.abc import Iterable

HIDDEN = "***"

# Names whose values are secrets on the platforms read so far. Outside of query strings only the unmistakable ones count:
# "status code: 404" and the reference "secret:SHOP" must stay readable, and so must "token=secret:NAME", the form that errors
# show.
_SURE = (
    r"consumer_key|consumer_secret|client_secret|oauth_signature|oauth_nonce|oauth_consumer_key|password|passwd"
    r"|(?:[a-z]+[-_])*token|(?:[a-z]+[-_])*api[-_]?key|authorization|ws_key"
)
_QUERY = re.compile(
    rf"(?i)([?&;](?:{_SURE}|secret|key|sid|pw|pwd|pass|auth|sign|sig|signature|code|x-(?:amz|goog)-[a-z-]+)=)[^&\s\"'<>#]+"
)
_SCHEME = r"(?:(?:basic|bearer|oauth)\s+)?"
_REFERENCE = r"(?!\*\*\*|secret:NAME\b)"
# As programs write a value: name=value, "name": value, name: "value".
_PAIR = re.compile(
    rf"(?i)(\b(?:{_SURE})\b(?:[\"']?=[\"']?|[\"']\s*[:=]\s*[\"']?|\s*[:=]\s*[\"'])){_REFERENCE}{_SCHEME}[^\s\"'&,;}}]+"
)
# As headers and people write one (name: value). A word that follows a colon is no value: "asks for a password: let it pass".
_TOLD = re.compile(
    rf"((?i:\b(?:{_SURE})\b\s*[:=]\s*{_SCHEME}))"
    rf"{_REFERENCE}(?=\S{{6}})(?=[^\s\"'&,;}}]*(?:\d|[a-z][A-Z]|[A-Z]{{2}}|[+/=_~]))[^\s\"'&,;}}]+"
)
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s@?#]*@")


class Redactor:
    """Hides known secret values wherever they stand, and values that stand where secrets do (query strings, headers).

    Short values (under 6 characters) are not hidden by value: they would blank out ordinary words.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        self._secrets.update(secret for secret in secrets if len(secret) >= 6)
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
        text = _PAIR.sub(rf"\1{HIDDEN}", text)
        return _TOLD.sub(rf"\1{HIDDEN}", text)


# One for the whole process: whatever resolves a credential adds its value, whatever writes text asks it.
redact = Redactor()
