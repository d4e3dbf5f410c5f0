"""A store's address as people write it, and what a web page means where an API should answer."""

from urllib.parse import urlsplit

from inventory_pipeline.core.errors import StoreMisconfigured, UsageError
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
