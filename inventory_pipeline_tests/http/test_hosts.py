"""Hosts: one spelling for each, and none that looks like one host and leads to another."""

import ipaddress
import socket

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.http.hosts import Host

GOOD = "good.example"
# What tells the parts of an address apart, for one reader or another, and what some readers fold into it.
TRICKS = (
    "@",
    "\\",
    "/",
    "?",
    "#",
    ":",
    ";",
    "%2e",
    "%40",
    "%00",
    "\t",
    "\n",
    "\0",
    " ",
    "[",
    "]",
    "。",
    "．",
    "K",
    "ﬀ",
    "①",
    "ß",
    "­",
    "*",
)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://Good.EXAMPLE", GOOD),
        ("https://good.example.", GOOD),
        ("HTTPS://good.example:8443/x?y#z", GOOD),
        ("https://good.example:", GOOD),
        ("https://good.example?@evil.example", GOOD),
        ("https://good.example#@evil.example", GOOD),
        ("https://good.example/@evil.example", GOOD),
        ("https://good。example", GOOD),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("https://BÜCHER.example", "xn--bcher-kva.example"),
        ("https://XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("https://faß.example", "xn--fa-hia.example"),
        ("https://under_score.good.example", "under_score.good.example"),
        ("https://127.0.0.1:80", "127.0.0.1"),
        ("https://127.1", "127.0.0.1"),
        ("https://2130706433", "127.0.0.1"),
        ("https://0x7f000001", "127.0.0.1"),
        ("https://0177.0.0.1", "127.0.0.1"),
        ("https://127.0.0.1.", "127.0.0.1"),
        ("https://[::ffff:127.0.0.1]:443", "127.0.0.1"),
        ("https://[::FFFF:7F00:1]", "127.0.0.1"),
        ("https://[0:0::1]", "::1"),
    ],
)
def test_every_spelling_of_a_host_is_one(url: str, name: str):
    assert Host.of_address(url) == Host(name)
    assert Host.of_address(url.lower().replace("https", "http", 1)) == Host(name, is_plain=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example@evil.example",
        "https://good.example:443@evil.example",
        "https://good.example\\@evil.example",
        "https://evil.example\\.good.example",
        "https://good.example%2eevil.example",
        "https://good.example;evil.example",
        "https://good.example .evil.example",
        "https://good\n.example",
        "https://",
        "https:///good.example",
        "https:good.example",
        "https:/good.example",
        "//good.example",
        "good.example",
        "ftp://good.example",
        "https://good..example",
        "https://.good.example",
        "https://good.example..",
        "https://-good.example",
        "https://good.example:80:90",
        "https://good.example:port",
        "https://1.2.3.4.5",
        "https://256.256.256.256",
        "https://１２７.0.0.1",
        "https://[::1",
        "https://[fe80::1%25eth0]",
        "https://[::1]evil.example",
        "https://*.good.example",
        f"https://{'a' * 64}.example",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_not_repeated(url: str):
    with pytest.raises(UsageError) as caught:
        Host.of_address(url)
    assert "evil" not in str(caught.value)


pieces = st.one_of(
    st.sampled_from((GOOD, "evil.example", "127.0.0.1", "2130706433", "0x7f.1", "::1", "::ffff:127.0.0.1", "xn--bcher-kva")),
    st.sampled_from(TRICKS),
    st.text(min_size=1, max_size=3),
)
authorities = st.lists(pieces, min_size=1, max_size=6).map("".join)


@given(st.sampled_from(("https", "HTTP", "http")), authorities, st.sampled_from(("", "/x", "?x", "#x")))
def test_where_we_say_an_address_leads_the_client_goes(scheme: str, authority: str, rest: str):
    """The client's own readings: httpx makes the request, yarl hands it to aiohttp, the C library resolves numbers."""
    try:
        host = Host.of_address(url := f"{scheme}://{authority}{rest}")
    except UsageError:
        return
    try:
        asked = httpx.URL(url)
    except httpx.InvalidURL:
        return  # it goes nowhere
    carried = URL(str(asked), encoded=True).raw_host
    assert carried is not None
    assert _canonical(carried) == _canonical(asked.raw_host.decode()) == host.name
    assert (asked.scheme == "http") is host.is_plain
    assert asked.userinfo == b""


@given(st.text(max_size=40))
def test_the_one_spelling_is_plain_and_is_read_back_the_same(text: str):
    try:
        host = Host.of_address(f"https://{text}")
    except UsageError:
        return
    assert Host.of_text(str(host)) == host
    assert host.name.isascii()
    assert not set(host.name) & set("@\\/?#% *[]")


@given(st.from_regex(r"(http://|https://|)(\*\.|)[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,3}", fullmatch=True))
def test_what_is_shown_of_a_binding_is_read_back_the_same(text: str):
    try:
        host = Host.of_text(text)
    except UsageError:
        return
    assert Host.of_text(str(host)) == host


names = st.from_regex(r"[a-c]{1,2}(\.[a-c]{1,2}){0,3}", fullmatch=True)


@given(names, names, st.booleans(), st.booleans(), st.booleans())
def test_a_binding_covers_its_own_name_or_one_label_below_and_never_http_for_https(
    bound: str, asked: str, is_pattern: bool, is_plain: bool, asked_plainly: bool
):
    binding = Host.of_text(f"{'http' if is_plain else 'https'}://{'*.' if is_pattern else ''}{bound}")
    label, dot, domain = asked.partition(".")
    same = bool(label and dot and domain == bound) if is_pattern else asked == bound
    assert binding.covers(Host(asked, asked_plainly)) is (same and (is_plain or not asked_plainly))


@pytest.mark.parametrize(
    ("text", "host", "shown"),
    [
        (" Good.Example:8443/wp ", Host(GOOD), GOOD),
        ("https://good.example", Host(GOOD), GOOD),
        ("http://good.example", Host(GOOD, True), "http://good.example"),
        ("*.good.example", Host("*.good.example"), "*.good.example"),
        ("http://*.good.example", Host("*.good.example", True), "http://*.good.example"),
        ("localhost", Host("localhost", True), "http://localhost"),
        ("127.0.0.1:8080", Host("127.0.0.1", True), "http://127.0.0.1"),
        ("[::1]", Host("::1", True), "http://[::1]"),
        ("https://127.0.0.1", Host("127.0.0.1"), "https://127.0.0.1"),
        ("10.0.0.5", Host("10.0.0.5"), "10.0.0.5"),
    ],
)
def test_a_person_names_a_host_or_an_address_and_on_this_machine_http_is_as_good(text: str, host: Host, shown: str):
    assert (Host.of_text(text), str(host)) == (host, shown)


def _canonical(name: str) -> str:
    """An oracle for what is connected to: the resolver's own reading of numbers, names as they are."""
    name = name.lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
        return str(getattr(address, "ipv4_mapped", None) or address)
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(name, None, family=socket.AF_INET, flags=socket.AI_NUMERICHOST)[0][4][0])
    except (OSError, UnicodeError):
        return name
