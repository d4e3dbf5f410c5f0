"""What each address is, in each of its spellings, and who may go there."""

from ipaddress import ip_address

import pytest

from inventory_pipeline.core.addresses import AddressPolicy, AllowedHosts, address_in, is_forbidden, policy_of, private_kind
from inventory_pipeline.core.stores import StoreIntegration

NOBODY = AllowedHosts()


@pytest.mark.parametrize(
    "text",
    [
        *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("fe80::1", "febf::1", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "fd00:c1::a9fe:a9fe"),
        # As IPv6 that stands for the same: mapped, compatible, translated, NAT64 (two prefixes, two places), 6to4, Teredo.
        *("::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254", "64:ff9b::169.254.169.254"),
        *("64:ff9b:1::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1"),
        *("2001::5601:5601", "::ffff:100.100.100.200"),
    ],
)
def test_link_local_and_metadata_addresses_are_never_allowed(text: str) -> None:
    assert is_forbidden(ip_address(text))
    everything = AllowedHosts.parse("0.0.0.0/0 ::/0 shop.example")
    for scheme in ("http", "https"):
        refusal = AddressPolicy(allow_private=True, allowed=everything).refusal(scheme, "shop.example", ip_address(text))
        assert refusal is not None
        assert "link-local or metadata" in refusal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.5", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fd12:3456::1", "private"),
        ("fec0::1", "private"),
        ("100.64.0.1", "carrier"),
        ("0.0.0.0", "unspecified"),
        ("0.0.0.1", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("192.0.2.1", "reserved"),
        ("198.18.0.1", "reserved"),
        ("2001:db8::1", "reserved"),
        ("100::1", "reserved"),
        ("4000::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.5", "private"),
        ("::127.0.0.1", "reserved"),
        ("64:ff9b::10.0.0.5", "private"),
        ("64:ff9b:1::10.0.0.5", "reserved"),
        ("2002:7f00:1::1", "loopback"),
        ("2002:a00:5::1", "private"),
        ("2001:0:808:808::1", "reserved"),
    ],
)
def test_an_address_that_is_not_everybodys_is_refused_until_it_is_allowed(text: str, words: str) -> None:
    address = ip_address(text)
    assert words in (private_kind(address) or "")
    assert words in (AddressPolicy().refusal("https", "shop.example", address) or "")
    assert AddressPolicy(allow_private=True).refusal("http", "shop.example", address) is None
    for entry in ("shop.example", "*.example", text, f"{text}/{address.max_prefixlen}"):
        assert AddressPolicy(allowed=AllowedHosts.parse(entry)).refusal("http", "shop.example", address) is None
    assert AddressPolicy(allowed=AllowedHosts.parse("shop.example.org, 9.9.9.9")).refusal("https", "shop.example", address)


@pytest.mark.parametrize("host", ["metadata.google.internal", "Metadata.Google.Internal.", "metadata", "instance-data"])
def test_where_clouds_keep_keys_is_refused_by_name_too_whoever_allows_it(host: str) -> None:
    """Behind a proxy nothing else is known of a host."""
    allowing = AddressPolicy(allow_private=True, allowed=AllowedHosts.parse("*.internal metadata 0.0.0.0/0"))
    for policy in (AddressPolicy(), allowing):
        assert "nothing is ever read from there" in (policy.refusal("http", host, final=True) or "")


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.216.34", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_a_public_address_is_allowed_over_https_only(text: str) -> None:
    assert AddressPolicy().refusal("https", "shop.example", ip_address(text)) is None
    refusal = AddressPolicy().refusal("http", "shop.example", ip_address(text))
    assert refusal is not None
    assert "http://shop.example is not encrypted" in refusal


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "0X7F.0.0.0x1"),
        *("127.0.0.1.", "①②⑦.0.0.1", "127。0。0。1"),
    ],
)
def test_every_spelling_of_an_address_is_that_address(host: str) -> None:
    assert address_in(host) == ip_address("127.0.0.1")
    assert "loopback" in (AddressPolicy().refusal("https", host) or "")


def test_ipv6_is_known_with_and_without_its_brackets() -> None:
    assert address_in("[::FFFF:7f00:1]") == address_in("::ffff:127.0.0.1") == ip_address("::ffff:127.0.0.1")


@pytest.mark.parametrize("host", ["shop.example", "1.2.3.4.example", "deadbeef", "127.0.0.1 x", "", "4294967296", "a" * 300])
def test_a_name_is_no_address(host: str) -> None:
    assert address_in(host) is None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "shop.localhost", "nas", "nas.local", "vm.internal", "x.home.arpa"])
def test_names_that_only_a_private_network_has_are_refused_before_anything_is_looked_up(host: str) -> None:
    refusal = AddressPolicy().refusal("https", host)
    assert refusal is not None
    assert "is the name of a host in a private network" in refusal
    assert AddressPolicy(allow_private=True).refusal("https", host) is None


def test_other_names_are_judged_when_they_are_looked_up() -> None:
    assert AddressPolicy().refusal("https", "shop.example") is None
    assert AddressPolicy().refusal("https", "localhost.example") is None


def test_where_a_network_is_allowed_a_name_is_looked_up_first() -> None:
    office = AddressPolicy(allowed=AllowedHosts.parse("10.0.0.0/8"))
    assert office.refusal("http", "erp") is None
    assert office.refusal("http", "erp", ip_address("10.1.2.3")) is None
    assert office.refusal("http", "erp", ip_address("192.168.1.1"))
    assert office.refusal("http", "erp", final=True)


def test_the_refusal_names_the_store_the_address_and_the_way_out() -> None:
    policy = policy_of(StoreIntegration(key="berlin", platform="feed", url=""), NOBODY)
    assert policy.refusal("https", "shop.example", ip_address("10.0.0.5")) == (
        "store 'berlin': shop.example resolves to 10.0.0.5, a private address; where that is meant, `inventory-pipeline stores"
        " set berlin --allow-private` allows it, or INVENTORY_ALLOW_PRIVATE_HOSTS=shop.example in the environment"
    )
    assert "2130706433 is 127.0.0.1, a loopback address" in (policy.refusal("https", "2130706433") or "")
    assert "store 'berlin': 127.0.0.1 is a loopback address" in (policy.refusal("https", "127.0.0.1") or "")


@pytest.mark.parametrize("url", ["stock.csv", "file:///x", "s3://localhost/x.csv", "https://[::1", "", "127.0.0.1:80"])
def test_what_names_no_host_is_not_judged(url: str) -> None:
    assert AddressPolicy().refusal_of(url) is None


@pytest.mark.parametrize(
    "url",
    [
        *("http://shop.example", " HTTPS://LOCALHOST/x ", "https://user@127.0.0.1/", "https://[::1]:8443/"),
        *("ftp://127.0.0.1/x", "sftp://nas/x", "ftps://10.0.0.5/x"),
    ],
)
def test_a_whole_address_is_judged_by_its_host(url: str) -> None:
    assert AddressPolicy().refusal_of(url) is not None


def test_what_may_be_named() -> None:
    allowed = AllowedHosts.parse(" ERP.corp.example, *.lan.example 10.0.0.0/8,[::1] 127.1 bücher.example ")
    for host in ("erp.corp.example", "Erp.Corp.Example.", "a.lan.example", "a.b.lan.example", "xn--bcher-kva.example"):
        assert allowed.has_name(host)
    for host in ("corp.example", "lan.example", "xerp.corp.example", "notlan.example"):
        assert not allowed.has_name(host)
    for address in ("10.9.9.9", "::1", "127.0.0.1", "::ffff:10.1.1.1"):
        assert allowed.has_address(ip_address(address))
    assert not allowed.has_address(ip_address("11.0.0.1"))
    assert AllowedHosts.parse("  ") == NOBODY


@pytest.mark.parametrize("entry", ["http://erp", "erp:8080", "*", "10.0.0.0/33", "a b/c", "*.*.example", "erp/x", "user@erp"])
def test_an_entry_that_is_none_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        AllowedHosts.parse(entry)
