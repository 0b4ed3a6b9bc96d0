"""A URL in its one spelling. Pure.

Parsers disagree about odd URLs, and a check is worth nothing where the checker and the connector read two
hosts out of one text. So there is a narrow form, everything else is refused, and what is connected to is built
from the parts that were checked, never from the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urljoin, urlsplit

from strop.errors import EgressRefused

LONGEST = 8_000
"""Characters of a URL."""
_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\](?::\d*)?")
"""No zone: `fe80::1%eth0` is another host on every machine."""
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""A last label of this form makes the whole host an IPv4 address (WHATWG URL, "ends in a number")."""
_ODD = frozenset(' \\"<>')
_SAFE = "%/:@!$&'()*+,;=~?"


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL asks of whom: lower case, no trailing dot, no credentials, no fragment, the port written out."""

    scheme: str
    host: str
    """A name, an IPv4 address, or an IPv6 address without brackets."""
    port: int
    target: str
    """Path and query, percent-encoded."""

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    def at(self, location: str) -> Place:
        """Where a redirect from here leads.

        Raises:
            EgressRefused: to no URL that may be fetched, or from https down to http.
        """
        try:
            joined = urljoin(self.url, location)
        except ValueError:
            raise EgressRefused("a redirect leads to no URL") from None
        there = place_of(joined)
        if self.scheme == "https" and there.scheme == "http":
            raise EgressRefused(f"{self.host} redirects from https to http ({there.host}); that is not followed")
        return there


def place_of(url: str) -> Place:
    """Read a URL.

    Raises:
        EgressRefused: it is none, or has a scheme, a host, credentials or a spelling that is not fetched.
    """
    if len(url) > LONGEST:
        raise _refused(url, f"it is longer than {LONGEST:,} characters")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in url) or not _ODD.isdisjoint(url.partition("?")[0]):
        raise _refused(url, 'it holds a control sign, or a space, a backslash or one of "<> before its query')
    try:
        parts = urlsplit(url)
        port = parts.port
        target = quote(parts.path or "/", safe=_SAFE)
        target += f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    except (ValueError, UnicodeError):
        raise _refused(url, "it cannot be read") from None
    if parts.scheme not in _PORTS:
        raise _refused(url, "only http and https are fetched")
    if "@" in parts.netloc:
        raise _refused(url, "a URL must hold no user and no password")
    if port == 0:
        raise _refused(url, "there is no port 0")
    return Place(parts.scheme, _host(parts.netloc, parts.hostname or "", url), port or _PORTS[parts.scheme], target)


def _host(netloc: str, host: str, url: str) -> str:
    if not netloc.isascii():
        raise _refused(url, "write a host with letters beyond a to z in its xn-- form")
    if netloc.startswith("["):
        return _address(netloc, host, url)
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(".".join(labels)))
        except ValueError:
            raise _refused(url, "write an IPv4 address as four plain decimal numbers") from None
    name = ".".join(labels)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(url, "that is no host name")
    return name


def _address(netloc: str, host: str, url: str) -> str:
    try:
        if _BRACKETS.fullmatch(netloc):
            return str(IPv6Address(host))
    except ValueError:
        pass
    raise _refused(url, "that is no plain IPv6 address") from None


def _refused(url: str, why: str) -> EgressRefused:
    # A query may hold a key, and what stands before an @ is one.
    shown = re.sub(r"//[^/]*@", "//", url.partition("?")[0].partition("#")[0])
    return EgressRefused(f"{shown[:100]!r} cannot be fetched: {why}")
