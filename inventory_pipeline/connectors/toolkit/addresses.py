"""A store's address as people write it, where below it the API answers, and what other answers than the API's mean."""

from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

import msgspec

from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.response import Response


def store_address(url: str, api_paths: tuple[str, ...] = ()) -> str:
    """The address without a slash at its end and without the `api_paths`, which people copy along with it.

    Raises UsageError where it is no http address, or holds a user name or password.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"address {parts.hostname or url!r:.80} is not of the form https://shop.example")
    if "@" in parts.netloc:
        raise UsageError(f"the address of {parts.hostname} holds a user name or password; give it without")
    address = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    for path in api_paths:
        address = address.removesuffix(path).rstrip("/")
    return address


def web_page_error(response: Response, api: str, hint: str = "") -> StoreMisconfigured:
    """The error for a web page in place of an answer by `api`, with what a person can do about it.

    `hint` is what else may be wrong with an address of this platform.
    """
    if response.status in (200, 404):
        cure = f"check the address: {api} was not found there{hint}"
    elif response.status == 401:
        cure = "the web server itself asks for a password: let this program pass its protection"
    elif response.status == 400 and "HTTPS port" in response.summary:
        cure = "write https:// in the store's address"
    else:
        cure = "a security plugin or firewall in front of the shop blocks this program: allow its address there"
    return StoreMisconfigured(f"{response.host_and_path} answers {response.summary} with a web page; {cure}")


class ApiPlaces:
    """Several places below a store's address, at one of which its API answers: `now` is that one.

    The first answer finds it out, and a later one that is a page of the site finds it out again: somebody may change the
    site at any time.
    """

    def __init__(self, places: Iterable[str], first: str = "") -> None:
        self._places = tuple(places)
        self.now = first if first in self._places else self._places[0]

    async def request(self, send: Callable[[str], Awaitable[Response]]) -> Response:
        """The answer to what `send` requests at a place: at the present one or, where that gives a page, at another."""
        place = self.now
        response = await send(place)
        if _is_page_of_site(response):
            for other in [other for other in self._places if other != place]:
                second = await send(other)
                if not _is_page_of_site(second):
                    self.now = other
                    return second
        return response


def _is_page_of_site(response: Response) -> bool:
    return response.is_html and response.status in (200, 404)


class ErrorBody(msgspec.Struct):
    """What many APIs answer with an error: a code of their own and a message, which may be translated."""

    code: str = ""
    message: str = ""

    @classmethod
    def of(cls, response: Response) -> "ErrorBody":
        """Empty where the body is something else."""
        try:
            return _ERROR_BODY.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return cls()

    def told(self, response: Response) -> str:
        """Who answers with which status, and in the platform's own words where it has some."""
        code, words = f" {self.code}" if self.code else "", one_line(redact(self.message), 120)
        return f"{response.host_and_path} answers {response.status}{code}{f': {words}' if code or words else ''}"


_ERROR_BODY = msgspec.json.Decoder(ErrorBody)
