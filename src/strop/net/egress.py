"""The egress rule: which address a connection may go to. Pure; whoever connects asks it at connect time.

A host must be listed as `host:port`. An address that is not public (private, loopback, link-local,
cloud metadata, multicast, reserved) is refused even for a listed host, unless that very address is
listed too: a name on the list must not become a door into the local network because its DNS entry
says so. `localhost` is loopback by definition (RFC 6761) and needs no second entry.

What is public stands here and is not asked of `ipaddress`: its answers differ between versions of Python,
and 3.11 calls 192.0.0.192 (a metadata service), ::127.0.0.1 and 64:ff9b:1::/48 public. Sources: the IANA
registries of special-purpose addresses for IPv4 and IPv6, RFC 4291 (only 2000::/3 is given out), RFC 5214.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from strop.errors import EgressRefused

_CLOSED_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network; Linux takes 0.0.0.0 for loopback
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; 100.100.100.200 is a metadata service
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; 169.254.169.254 is a metadata service
        "172.16.0.0/12",
        "192.0.0.0/24",  # 192.0.0.192 is a metadata service
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
    )
)
_GIVEN_OUT_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""The upper half of an interface id whose lower half is an IPv4 address (RFC 5214)."""


def spot(host: str, port: int) -> str:
    """`host:port` as it stands on an allow-list; IPv6 in brackets, names in lower case."""
    bare = host.strip("[]").lower().rstrip(".")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def check_host(host: str, port: int, *, allow: Collection[str]) -> None:
    """Whether the plan lists this host.

    Raises:
        EgressRefused: it does not.
    """
    if spot(host, port) not in allow:
        listed = ", ".join(sorted(allow)) or "nothing"
        raise EgressRefused(f"{spot(host, port)} is not on the list of approved hosts ({listed})")


def check_address(address: str, *, host: str, port: int, allow: Collection[str]) -> None:
    """Whether a connection meant for `host` may go to the resolved `address`.

    Raises:
        EgressRefused: the address is not public and not listed itself.
    """
    check_host(host, port, allow=allow)
    whole = ip_address(address.split("%", 1)[0])
    ip = _innermost(whole)
    if is_public(ip):
        return
    named_so = host.lower().rstrip(".") == "localhost" and ip.is_loopback
    listed = any(spot(form, port) in allow for form in (str(ip), str(whole), address))
    if not named_so and not listed:
        raise EgressRefused(
            f"{spot(host, port)} resolves to {ip}, which is no public address; "
            f"if that is meant, approve {spot(str(ip), port)} by its address too"
        )


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the open Internet, as it stands and by what is inside it."""
    if isinstance(ip, IPv4Address):
        return not any(ip in block for block in _CLOSED_4)
    if ip not in _GIVEN_OUT_6 or any(ip in block for block in _CLOSED_6):
        return False
    if int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return is_public(IPv4Address(int(ip) & 0xFFFF_FFFF))
    return True


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo), which is where packets go.

    A public one inside 6to4 or Teredo is no way out either: both are dead, and lead through whoever says so.
    """
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    inner = ip.teredo[1] if ip.teredo is not None else ip.sixtofour
    return inner if inner is not None and not is_public(inner) else ip
