"""JSON answers, decoded strictly: what is not whole JSON is an error, never a guess."""

import json
import re
from typing import Any, TypeVar

import msgspec

from inventory_pipeline.core.errors import IncompleteRead, StoreMisconfigured
from inventory_pipeline.http.reply import Response

Wanted = TypeVar("Wanted")
_BOM = b"\xef\xbb\xbf"
_PHP = re.compile(rb"\s*(?:<br ?/?>\s*)?(?:<b>)?(?:PHP )?(?:Notice|Warning|Deprecated|Fatal error|Parse error)\b")


def decode_json(response: Response, decoder: msgspec.json.Decoder[Wanted]) -> Wanted:
    """The body as the decoder's type. A byte-order mark is skipped.

    Raises IncompleteRead for JSON that breaks off or is malformed, StoreMisconfigured for a web page or for PHP's own
    messages where JSON should be, and lets msgspec.ValidationError through: whole JSON of another shape.
    """
    try:
        return decoder.decode(response.body.removeprefix(_BOM))
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A lone surrogate or a broken byte in one title must not cost the page.
        return msgspec.convert(decode_loosely(response), decoder.type)


def decode_loosely(response: Response) -> Any:
    """The body as plain Python values, texts with lone surrogates kept and broken bytes shown. Raises as `decode_json`."""
    body = response.body.removeprefix(_BOM)
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_constant=_refused)
    except (ValueError, RecursionError):
        raise _explained(response, body) from None


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _explained(response: Response, body: bytes) -> IncompleteRead | StoreMisconfigured:
    if _PHP.match(body):
        return StoreMisconfigured(
            f"{response.host_and_path} puts PHP messages before its JSON; set WP_DEBUG_DISPLAY to false on the shop"
        )
    if response.is_html:
        return StoreMisconfigured(
            f"{response.host_and_path} answers {response.summary} with a web page where JSON should be; correct the address, or"
            " let this program pass the shop's security plugin, cache or log-in page"
        )
    return IncompleteRead(f"{response.host_and_path} answers with JSON that is cut off or malformed ({len(body):,} bytes)")
