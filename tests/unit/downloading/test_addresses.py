"""The rule for addresses, against the registries' own examples and the standard library's opinion."""

from __future__ import annotations

import ipaddress
import random

import pytest

from ai_models.downloading import is_public

SPECIAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200", "::", "::1", "::ffff:8.8.8.8",
    "::ffff:127.0.0.1", "::8.8.8.8", "::127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::127.0.0.1",
    "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "5f00::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "fe80::1%eth0", "2606:4700::1%1",
    "localhost", "0x7f.1", "2130706433", "017700000001", "1.1.1",
]  # fmt: skip
PUBLIC = "8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 223.255.255.255 2606:4700::1111 2a00:1450::1"


@pytest.mark.parametrize("address", [*SPECIAL, "", "example.org"])
def test_what_is_special_or_no_address_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_unicast_is_asked(address):
    assert is_public(address)


def test_nothing_is_allowed_that_the_standard_library_calls_special():
    rng = random.Random(0)
    edges = [str(network[i]) for network in _networks() for i in (0, -1)]
    drawn = [str(ipaddress.IPv4Address(rng.getrandbits(32))) for _ in range(20_000)]
    drawn += [str(ipaddress.IPv6Address(0x2 << 124 | rng.getrandbits(125))) for _ in range(2_000)]
    allowed = [a for a in [*drawn, *edges] if is_public(a)]
    assert len(allowed) > 15_000
    for address in map(ipaddress.ip_address, allowed):
        assert address.is_global, address
        assert not address.is_multicast, address
        assert not address.is_reserved, address


def _networks():
    own = ipaddress.IPv4Address._constants, ipaddress.IPv6Address._constants
    return [network for constants in own for network in constants._private_networks]
