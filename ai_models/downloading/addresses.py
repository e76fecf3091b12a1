"""Which addresses of the internet may be asked: public unicast alone, by an own rule.

`ipaddress.is_global` is not enough: it calls NAT64, 6to4 and multicast global, and behind an address that carries an
IPv4 address in it may stand any host of the local network. What is not plainly public is refused, so no address
needs to be unwrapped.
"""

from __future__ import annotations

import ipaddress

__all__ = ["is_public"]

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all of IPv6 that is given out: no mapped, NAT64, local, multicast
_SPECIAL_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocols' own: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4 carries an IPv4 address
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
_SPECIAL_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind a carrier's NAT
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # a cloud's own service, inside its machines alone
            "169.254.0.0/16",  # link-local, clouds' metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols' own
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # multicast tunnels
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)


def is_public(address: str) -> bool:
    """Return whether an address is public unicast.

    Parameters
    ----------
    address
        As the resolver gives it. What is no address, or has a scope (``fe80::1%eth0``), is not public.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _SPECIAL_4)
    return parsed.scope_id is None and parsed in _GLOBAL_UNICAST and not any(parsed in n for n in _SPECIAL_6)
