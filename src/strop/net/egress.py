"""The egress rule: which address a connection may go to. Pure; the connector asks it at connect time.

A host must be listed as `host:port`. An address that is not public (private, loopback, link-local,
cloud metadata, multicast, reserved) is refused even for a listed host, unless that very address is
listed too: a name on the list must not become a door into the local network because its DNS entry
says so. `localhost` is loopback by definition (RFC 6761) and needs no second entry.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from strop.errors import EgressRefused

_NAT64 = ip_network("64:ff9b::/96")


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
    ip = _innermost(ip_address(address.split("%", 1)[0]))
    if ip.is_global and not ip.is_multicast:
        return
    named_so = host.lower().rstrip(".") == "localhost" and ip.is_loopback
    if not named_so and spot(str(ip), port) not in allow and spot(address, port) not in allow:
        raise EgressRefused(
            f"{spot(host, port)} resolves to {ip}, which is no public address; "
            f"if that is meant, approve {spot(str(ip), port)} by its address too"
        )


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo), which is where packets go."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
