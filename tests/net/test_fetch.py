"""Fetching: a page comes from where the plan says or not at all, within its bounds, and carries nothing of ours.

No test here connects to anything but loopback, also when the code under test is broken: addresses of others
are only ever given to the checks, never to a fetch.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from strop.errors import EgressRefused, ToolFailure
from strop.net.connector import Deadlines
from strop.net.egress import check_address, is_public
from strop.net.fetch import Fetched, fetch
from strop.net.guarded import Guard, GuardedResolver
from strop.net.place import place_of

pytestmark = pytest.mark.anyio

Answer = Callable[[str], bytes]
"""From a request's target to the bytes that are sent; the connection is closed behind them."""


@dataclass(slots=True)
class Site:
    """A server on loopback that says what it is told to, byte for byte."""

    host: str
    port: int
    heard: list[str] = field(default_factory=list[str])
    """Whole requests."""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, target: str = "/") -> str:
        return f"http://{self.place}{target}"


@asynccontextmanager
async def site(answer: Answer, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[Site]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            made.heard.append(request)
            writer.write(answer(request.split(" ")[1]))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the fetch has given up, as some of these tests want it to
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    made = Site(host, server.sockets[0].getsockname()[1])
    async with server:
        yield made


def page(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def moved(to: str, status: int = 302) -> bytes:
    return page(b"moved", f"Location: {to}", status=f"{status} Moved")


class Names(AbstractResolver):
    """A resolver that gives the next answer at each look-up, and the last one from then on."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def get(where: Site, target: str = "/", **more: object) -> Fetched:
    return await fetch(where.url(target), allow=frozenset({where.place}), **more)  # pyright: ignore[reportArgumentType] - options of one test each


# ---------------------------------------------------------------- what comes


async def test_a_page_comes_with_its_digest_and_the_headers_that_matter() -> None:
    """Status, the last URL, SHA-256, and no header that could carry something else."""
    answer = page(b"<p>hello</p>", "Content-Type: text/html", "Set-Cookie: a=1", 'ETag: "7"', "X-Other: x")
    async with site(lambda target: answer) as one:
        got = await get(one, "/a%20b?q=ü#part")
    assert got.url == one.url("/a%20b?q=%C3%BC")
    assert (got.status, got.body, got.hops) == (200, b"<p>hello</p>", ())
    assert got.digest == hashlib.sha256(b"<p>hello</p>").hexdigest()
    assert got.headers == (("content-type", "text/html"), ("etag", '"7"'))


async def test_a_page_that_is_not_there_is_an_answer_too() -> None:
    """Whoever asked decides what a 404 means; so for a redirect that says nowhere."""
    async with site(lambda target: page(b"no", status="404 Not Found" if target == "/" else "302 Found")) as one:
        assert (await get(one)).status == 404
        assert (await get(one, "/nowhere")).status == 302


async def test_nothing_of_ours_goes_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cookie that was set on the way, no key from the user's files, no referrer, no proxy, no compression."""
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    def answer(target: str) -> bytes:
        return (
            moved("/two").replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=1; Path=/\r\n\r\n") if target == "/" else page(b"")
        )

    async with site(answer) as one:
        assert (await get(one)).hops == (one.url(),)
    assert len(one.heard) == 2
    for request in one.heard:
        names = [line.partition(":")[0].lower() for line in request.splitlines()[1:] if line]
        assert sorted(names) == ["accept", "accept-encoding", "host", "user-agent"]
        assert "Accept-Encoding: identity" in request


# ---------------------------------------------------------------- where it goes


async def test_an_unlisted_place_hears_nothing() -> None:
    """Neither asked for nor redirected to, also where only the port differs; its name is not even looked up."""
    async with site(lambda target: page(b"secret")) as inner:
        with pytest.raises(EgressRefused, match="not on the list"):
            await fetch(inner.url(), allow=frozenset({"127.0.0.1:1"}))
        async with site(lambda target: moved(inner.url())) as outer:
            with pytest.raises(EgressRefused, match=f"{inner.place} is not on the list"):
                await get(outer)
    assert len(outer.heard) == 1
    assert inner.heard == []
    names = Names("127.0.0.1")
    with pytest.raises(EgressRefused, match=r"page\.example:80 is not on the list"):
        await fetch("http://page.example/", allow=frozenset(), resolver=names)
    assert names.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_listed_place_is_followed(status: int) -> None:
    """Absolute, relative, or with the scheme left out; the trail is told."""
    async with site(lambda target: page(b"here")) as there:
        ways = {"/": "/sub/x", "/sub/x": "../y?z=1", "/y?z=1": f"//{there.place}/end"}
        async with site(lambda target: moved(ways[target], status)) as here:
            got = await fetch(here.url(), allow=frozenset({here.place, there.place}))
    assert (got.body, got.url) == (b"here", there.url("/end"))
    assert got.hops == (here.url("/"), here.url("/sub/x"), here.url("/y?z=1"))


async def test_redirects_have_an_end() -> None:
    """Five are followed, the sixth is refused; so a loop ends."""
    async with site(lambda target: moved(target + "x")) as one:
        with pytest.raises(EgressRefused, match="redirects once more after 5 redirects"):
            await get(one)
        assert len(one.heard) == 6
        with pytest.raises(EgressRefused, match="after 0 redirects"):
            await get(one, hops=0)


LEADS = {
    "a file": ("file:///etc/passwd", "only http and https"),
    "another scheme": ("gopher://127.0.0.1/", "only http and https"),
    "a password": ("http://me:secret@{place}/", "no user and no password"),
    "a number": ("http://2130706433:{port}/", "four plain decimal numbers"),
    "no URL": ("http://[", "leads to no URL|cannot be read"),
}


@pytest.mark.parametrize("name", LEADS)
async def test_a_redirect_is_read_as_strictly_as_a_url(name: str) -> None:
    """Each hop is checked as if it had been asked for; a password in it is not repeated."""
    location, message = LEADS[name]
    async with site(lambda target: moved(location.format(place=one.place, port=one.port))) as one:
        with pytest.raises(EgressRefused, match=message) as refused:
            await get(one)
    assert len(one.heard) == 1
    assert "secret" not in str(refused.value)


def test_a_redirect_never_leads_down_to_plain_http() -> None:
    """From https only to https; up is fine."""
    secure = place_of("https://a.example/x")
    assert secure.at("https://b.example").scheme == "https"
    assert secure.at("/y").url == "https://a.example/y"
    assert place_of("http://a.example").at("https://a.example/").scheme == "https"
    for location in ("http://a.example/", "HTTP://a.example:443/y"):
        with pytest.raises(EgressRefused, match="redirects from https to http"):
            secure.at(location)


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """DNS rebinding: one look-up, and the connection goes to the very address that was checked."""
    async with (
        site(lambda target: page(b"good")) as good,
        site(lambda target: page(b"bad"), host="127.0.0.2", port=good.port) as bad,
    ):
        names = Names("127.0.0.1", "127.0.0.2")
        allow = frozenset({f"rebind.example:{good.port}", good.place})
        got = await fetch(f"http://rebind.example:{good.port}/", allow=allow, resolver=names)
        assert got.body == b"good"
        assert names.asked == ["rebind.example"]
        with pytest.raises(EgressRefused, match=rf"rebind\.example:{good.port} resolves to 127\.0\.0\.2"):
            await fetch(f"http://rebind.example:{good.port}/", allow=allow, resolver=names)
    assert bad.heard == []
    assert f"Host: rebind.example:{good.port}\r\n" in good.heard[0]


async def test_a_name_that_changes_its_mind_between_hops_is_refused() -> None:
    """The second hop resolves anew, and is checked anew."""
    async with (
        site(lambda target: moved("/again")) as good,
        site(lambda target: page(b"bad"), host="127.0.0.2", port=good.port) as bad,
    ):
        allow = frozenset({f"rebind.example:{good.port}", good.place})
        with pytest.raises(EgressRefused, match=r"resolves to 127\.0\.0\.2"):
            await fetch(f"http://rebind.example:{good.port}/", allow=allow, resolver=Names("127.0.0.1", "127.0.0.2"))
    assert len(good.heard) == 1
    assert bad.heard == []


async def test_a_listed_name_that_leads_to_loopback_is_no_door() -> None:
    """Through the resolver, in every spelling of loopback; nothing is heard."""
    async with site(lambda target: page(b"secret")) as inner:
        place = f"page.example:{inner.port}"
        for address in ("127.0.0.1", "::ffff:127.0.0.1"):
            with pytest.raises(EgressRefused, match=rf"{place} resolves to 127\.0\.0\.1"):
                await fetch(f"http://{place}/", allow=frozenset({place}), resolver=Names(address))
    assert inner.heard == []


CLOSED = (
    "0.0.0.0 0.1.2.3 10.1.1.1 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.1.1 169.254.0.1 "
    "169.254.169.254 172.16.0.1 172.31.9.9 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 "
    "198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 "
    ":: ::1 ::127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::a00:1 64:ff9b::7f00:1 64:ff9b:1::a00:1 100::1 "
    "2001::1 2001:0:4136:e378:8000:63bf:f5ff:fffe 2001:0:4136:e378:8000:63bf:a247:28f1 2001:10::1 2001:db8::1 "
    "2002:a00:1:: 2002:7f00:1::1 2002:5db8:d70e::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 "
    "fe80::1%eth0 fec0::1 ff02::1 2a00:1450:4001::5efe:10.0.0.1 2a00:1450:4001::200:5efe:127.0.0.1 4000::1"
).split()
OPEN = "1.1.1.1 93.184.215.14 172.32.0.1 100.128.0.1 192.0.1.1 2606:4700::1111 ::ffff:93.184.215.14 64:ff9b::5db8:d70e"


@pytest.mark.parametrize("address", CLOSED)
async def test_no_inner_address_passes(address: str) -> None:
    """Not when a name resolves to it, not in the last moment before connect, and not as part of a longer answer."""
    guard = Guard("page.example", 443, frozenset({"page.example:443"}))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(EgressRefused, match="no public address"):
        await GuardedResolver(guard, Names(address)).resolve("page.example", 443)
    with pytest.raises(EgressRefused, match="no public address"):
        guard.socket((family, socket.SOCK_STREAM, 0, "", (address, 443))).close()


@pytest.mark.parametrize("address", [each for each in CLOSED if "%" not in each])
def test_an_inner_address_passes_once_it_is_listed_itself(address: str) -> None:
    """By that very address and port, in its usual spelling, and by no other."""
    spelled = f"[{ip_address(address)}]" if ":" in address else address
    check_address(address, host="page.example", port=80, allow={"page.example:80", f"{spelled}:80"})
    for other in (f"{spelled}:81", "10.99.99.99:80"):
        with pytest.raises(EgressRefused):
            check_address(address, host="page.example", port=80, allow={"page.example:80", other})


@pytest.mark.parametrize("address", OPEN.split())
def test_public_addresses_pass(address: str) -> None:
    """Beside the closed blocks, and IPv4 behind a translator."""
    check_address(address, host="page.example", port=443, allow={"page.example:443"})


def test_what_is_public_is_ours_to_say() -> None:
    """Python's own answer changes between versions; 192.0.0.192 hands out credentials on one cloud."""
    assert not is_public(ip_address("192.0.0.192"))
    assert not is_public(ip_address("64:ff9b:1::1"))


SPELLINGS = {
    "short": ("http://127.1:{port}/", "four plain decimal numbers"),
    "hexadecimal": ("http://0x7f000001:{port}/", "four plain decimal numbers"),
    "hexadecimal part": ("http://127.0.0.0x1:{port}/", "four plain decimal numbers"),
    "decimal": ("http://2130706433:{port}/", "four plain decimal numbers"),
    "octal": ("http://0177.0.0.1:{port}/", "four plain decimal numbers"),
    "leading zeros": ("http://127.000.000.001:{port}/", "four plain decimal numbers"),
    "five parts": ("http://127.0.0.0.1:{port}/", "four plain decimal numbers"),
    "empty hexadecimal": ("http://127.0.0.0x:{port}/", "four plain decimal numbers"),
    "full width": ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{port}/", "xn--|cannot be read"),
    "circled": ("http://\u24dbocalhost:{port}/", "xn--|cannot be read"),
    "dot of another script": ("http://127\u30020\u30020\u30021:{port}/", "xn--|cannot be read"),
    "escaped": ("http://%6cocalhost:{port}/", "no host name"),
    "IDNA": ("http://bücher.example/", "xn--"),
    "user": ("http://page.example@127.0.0.1:{port}/", "no user and no password"),
    "empty user": ("http://@127.0.0.1:{port}/", "no user and no password"),
    "backslash": ("http://page.example\\@127.0.0.1:{port}/", "backslash"),
    "line break": ("http://127.0.0.1:{port}/\r\nX-Key: 1", "control sign"),
    "tab": ("http://127.0.0.1:\t{port}/", "control sign"),
    "space in front": (" http://127.0.0.1:{port}/", "a space"),
    "line break in query": ("http://127.0.0.1:{port}/?a\nb", "control sign"),
    "zone": ("http://[fe80::1%25eth0]:{port}/", "no plain IPv6 address|cannot be read"),
    "after brackets": ("http://[::1]page.example:{port}/", "no plain IPv6 address|cannot be read"),
    "no IPv6": ("http://[::g]/", "no plain IPv6 address|cannot be read"),
    "two dots": ("http://page..example/", "no host name"),
    "two dots at the end": ("http://page.example../", "no host name"),
    "no host": ("http:///x", "no host name"),
    "no scheme": ("127.0.0.1/x", "only http and https"),
    "file": ("file:///etc/passwd", "only http and https"),
    "port 0": ("http://127.0.0.1:0/", "no port 0"),
    "port out of range": ("http://127.0.0.1:65536/", "cannot be read"),
    "port of other digits": ("http://127.0.0.1:\uff18\uff10/", "xn--|cannot be read"),
    "endless": ("http://127.0.0.1:{port}/" + "a" * 8_000, "longer than 8,000"),
}


@pytest.mark.parametrize("name", SPELLINGS)
async def test_odd_spellings_are_refused(name: str) -> None:
    """Even where the host they hide is listed: there is one spelling, so list and connection mean one thing."""
    url, message = SPELLINGS[name]
    also = ("bücher.example:80", "page..example:80", "page.example.:80")
    async with site(lambda target: page(b"x")) as one:
        with pytest.raises(EgressRefused, match=message):
            await fetch(url.format(port=one.port), allow=frozenset({one.place, *also}), resolver=Names("127.0.0.1"))
    assert one.heard == []


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("HTTP://Page.EXAMPLE:80", "http://page.example/"),
        ("https://page.example.:443/a b".replace(" ", "%20"), "https://page.example/a%20b"),
        ("http://[0:0::0:1]:8080/?a=[b]|c#d", "http://[::1]:8080/?a=%5Bb%5D%7Cc"),
        ("http://my_host.example:/ü", "http://my_host.example/%C3%BC"),
        ("http://127.0.0.1.:81", "http://127.0.0.1:81/"),
        ("http://xn--bcher-kva.example", "http://xn--bcher-kva.example/"),
    ],
)
def test_a_url_has_one_spelling(url: str, plain: str) -> None:
    """Case, a trailing dot, the port that goes without saying, and a fragment make no difference."""
    assert place_of(url).url == plain
    assert place_of(plain).url == plain


def test_a_refusal_shows_no_key() -> None:
    """Neither a password nor a query."""
    for url in ("http://me:hidden@page.example/", "ftp://page.example/?key=hidden", "http://me:hidden@x/\n"):
        with pytest.raises(EgressRefused) as refused:
            place_of(url)
        assert "hidden" not in str(refused.value)


# ---------------------------------------------------------------- bounds


def chunked(*pieces: bytes) -> bytes:
    parts = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts


TOO_MUCH = {
    "said in front": (page(b"x" * 1_001), "larger than 1,000 bytes"),
    "in pieces": (chunked(*[b"x" * 100] * 11) + b"0\r\n\r\n", "larger than 1,000 bytes"),
    "until it closes": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001, "larger than 1,000 bytes"),
    "compressed": (page(gzip.compress(b"x" * 9_000), "Content-Encoding: gzip"), "sends a compressed page"),
    "compressed twice": (page(b"x", "Content-Encoding: identity, br"), "sends a compressed page"),
    "endless headers": (page(b"", *[f"X-{n}: {'y' * 1_000}" for n in range(400)]), "does not answer in HTTP"),
    "a long header": (page(b"", f"X: {'y' * 100_000}"), "does not answer in HTTP"),
    "broken off": (page(b"x" * 500)[:-1], "broke off"),
    "broken off in pieces": (chunked(b"x" * 100), "broke off"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer in HTTP"),
    "nothing": (b"", "broke off"),
    "another protocol": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "protocol"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_has_no_bound_is_not_taken(name: str) -> None:
    """Said, counted, compressed, cut: each is a failure that the agent is told, and half a page is none."""
    answer, message = TOO_MUCH[name]
    async with site(lambda target: answer) as one:
        with pytest.raises(ToolFailure, match=message):
            await get(one, most_bytes=1_000)


async def test_a_page_of_the_very_size_is_taken() -> None:
    """Whole or in pieces; what `identity` says is no compression."""
    for answer in (page(b"x" * 1_000, "Content-Encoding: identity"), chunked(*[b"x" * 100] * 10) + b"0\r\n\r\n"):
        async with site(lambda target, answer=answer: answer) as one:
            assert len((await get(one, most_bytes=1_000)).body) == 1_000


@asynccontextmanager
async def slow(first: bytes, piece: bytes, every: float) -> AsyncGenerator[Site]:
    """A server that sends `first`, then a piece every so many seconds until it is left."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(first)
            while not reader.at_eof():
                await writer.drain()
                try:
                    async with asyncio.timeout(every):
                        await reader.read(1)
                except TimeoutError:
                    writer.write(piece)
        except ConnectionError:
            pass  # the fetch has given up, as these tests want it to
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Site("127.0.0.1", server.sockets[0].getsockname()[1])


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
SLOW = {
    "no answer": (b"", b"", Deadlines(1.0, 0.1, 30.0, 30.0)),
    "headers that drip": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", Deadlines(1.0, 0.1, 30.0, 30.0)),
    "silence": (HEAD + b"x", b"", Deadlines(1.0, 30.0, 0.1, 30.0)),
    "a body that drips": (HEAD, b"x", Deadlines(1.0, 30.0, 30.0, 0.2)),
}


@pytest.mark.parametrize("name", SLOW)
async def test_a_slow_page_is_given_up(name: str) -> None:
    """By the deadline that is meant for it: the other ones are half a minute away."""
    first, piece, deadlines = SLOW[name]
    async with slow(first, piece, 0.02) as one, asyncio.timeout(15):
        with pytest.raises(ToolFailure, match=f"{one.place} did not send the page in time"):
            await get(one, deadlines=deadlines)


async def test_the_total_holds_over_all_hops() -> None:
    """Redirects do not begin the time anew."""
    async with (
        slow(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.02) as last,
        site(lambda target: moved(last.url())) as first,
    ):
        with pytest.raises(ToolFailure, match=f"{last.place} did not send the page in time"):
            await fetch(
                first.url(),
                allow=frozenset({first.place, last.place}),
                deadlines=Deadlines(connect=30.0, first_byte=30.0, idle=30.0, total=0.3),
            )


async def test_a_place_where_nobody_listens_is_told() -> None:
    """By name and reason."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{held.getsockname()[1]}"
    with pytest.raises(ToolFailure, match=f"{place} cannot be reached: ClientConnectorError"):
        await fetch(f"http://{place}/", allow=frozenset({place}))
