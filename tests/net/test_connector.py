"""The guarded connection: it goes where the plan says, in time, and shows no key."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from strop.errors import ConfigRefused, EgressRefused, EndpointDown, MissingPart
from strop.net.connector import Deadlines, Endpoint
from strop.net.egress import check_address, spot
from strop.net.secrets import Secret
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Fault, Reply

pytestmark = pytest.mark.anyio

TABLE = Path("/proc/net/tcp")
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class Names(AbstractResolver):
    """A resolver from a table."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None:
        pass


async def fetch(endpoint: Endpoint, body: bytes = BODY) -> bytes:
    try:
        async with endpoint.post("/chat/completions", headers={}, body=body) as response:
            return await response.read()
    finally:
        await endpoint.close()


def answer(asked: Asked) -> Reply:
    return Reply("hello")


async def test_a_listed_host_is_reached() -> None:
    """Loopback too, when that very address is listed."""
    async with TestServer(answer) as server:
        assert b"hello" in await fetch(Endpoint(server.chat_url, allow=frozenset({server.host})))


async def test_an_unlisted_host_is_refused_before_any_packet() -> None:
    """Also where only the port differs; the server hears nothing."""
    async with TestServer(answer) as server:
        for allow in (frozenset[str](), frozenset({"127.0.0.1:1"})):
            with pytest.raises(EgressRefused, match=server.host):
                await fetch(Endpoint(server.chat_url, allow=allow))
        assert server.bill.entries == []


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("93.184.215.14", "127.0.0.1")])
async def test_a_name_that_leads_inside_is_refused(addresses: tuple[str, ...]) -> None:
    """A listed name that resolves to loopback, alone or among public addresses, is no door."""
    async with TestServer(answer) as server:
        place = f"models.example:{server.port}"
        endpoint = Endpoint(f"http://{place}/v1", allow=frozenset({place}), resolver=Names(*addresses))
        with pytest.raises(EgressRefused, match=rf"{place} resolves to 127\.0\.0\.1"):
            await fetch(endpoint)
        assert server.bill.entries == []


async def test_a_name_that_leads_inside_is_reached_once_its_address_is_listed() -> None:
    """The user says so, by the address."""
    async with TestServer(answer) as server:
        place = f"models.example:{server.port}"
        allow = frozenset({place, server.host})
        assert b"hello" in await fetch(Endpoint(f"http://{place}/v1", allow=allow, resolver=Names("127.0.0.1")))


async def test_localhost_is_loopback_by_definition() -> None:
    """`localhost:PORT` needs no second entry."""
    async with TestServer(answer) as server:
        place = f"localhost:{server.port}"
        assert b"hello" in await fetch(Endpoint(f"http://{place}/v1", allow=frozenset({place})))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.5", "172.16.0.1", "192.168.1.7", "169.254.169.254", "100.100.100.200", "0.0.0.0",
        "224.0.0.1", "::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::1",
    ],
)  # fmt: skip
def test_no_inner_address_passes_for_a_name(address: str) -> None:
    """Private, loopback, link-local, metadata, multicast, and IPv4 hidden in IPv6."""
    with pytest.raises(EgressRefused, match="no public address"):
        check_address(address, host="models.example", port=443, allow=frozenset({"models.example:443"}))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_public_addresses_pass(address: str) -> None:
    """For a listed name, and only for it."""
    check_address(address, host="models.example", port=443, allow=frozenset({"models.example:443"}))
    with pytest.raises(EgressRefused, match="not on the list"):
        check_address(address, host="other.example", port=443, allow=frozenset({"models.example:443"}))


@pytest.mark.parametrize(
    ("host", "port", "entry"),
    [("API.Example.", 443, "api.example:443"), ("::1", 80, "[::1]:80"), ("[::1]", 80, "[::1]:80")],
)
def test_a_place_is_written_in_one_way(host: str, port: int, entry: str) -> None:
    """Case, a trailing dot and brackets make no second spelling."""
    assert spot(host, port) == entry


async def test_a_redirect_is_not_followed() -> None:
    """Neither the body nor the key goes on to the next host."""
    reply = Reply(fault=Fault.REDIRECT, says="http://elsewhere.example/steal")
    async with TestServer(lambda asked: reply) as server:
        with pytest.raises(EgressRefused, match=r"redirects to elsewhere\.example"):
            await fetch(Endpoint(server.chat_url, allow=frozenset({server.host})))
        assert len(server.bill.entries) == 1


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "a.example/v1", "http://", "http://u:p@a.example", "https://a.example:x", "https://a?k=1"],
)
def test_a_base_url_is_a_place_and_nothing_else(url: str) -> None:
    """No other scheme, no password, no query; a wrong one is not repeated, it may hold a key."""
    with pytest.raises(ConfigRefused) as caught:
        Endpoint(url, allow=frozenset())
    assert url not in str(caught.value)


async def test_a_drip_that_never_ends_is_cut_at_the_total() -> None:
    """Each piece is in time, the whole is not."""
    deadlines = Deadlines(connect=1.0, first_byte=1.0, idle=1.0, total=0.15)
    async with TestServer(lambda asked: Reply("x" * 100, piece=1, drip=0.01)) as server:
        endpoint = Endpoint(server.chat_url, allow=frozenset({server.host}), deadlines=deadlines)
        body = BODY.replace(b"{", b'{"stream":true,', 1)
        try:
            with pytest.raises(EndpointDown) as caught:
                async with endpoint.post("/chat/completions", headers={}, body=body) as response:
                    while await response.read():
                        pass
        finally:
            await endpoint.close()
    assert caught.value.billed is True


async def test_pieces_in_time_outlast_the_first_deadline() -> None:
    """The deadline for the first byte and for silence is not one for the whole answer."""
    deadlines = Deadlines(connect=1.0, first_byte=0.8, idle=0.8, total=60.0)
    async with TestServer(lambda asked: Reply("x" * 60, piece=1, drip=0.02)) as server:
        endpoint = Endpoint(server.chat_url, allow=frozenset({server.host}), deadlines=deadlines)
        body = BODY.replace(b"{", b'{"stream":true,', 1)
        got = b""
        try:
            async with endpoint.post("/chat/completions", headers={}, body=body) as response:
                while chunk := await response.read():
                    got += chunk
        finally:
            await endpoint.close()
        assert server.bill.entries[0].ended - server.bill.entries[0].started > 0.8
    assert got.count(b'"x"') == 60


@pytest.mark.skipif(
    not TABLE.exists(), reason="connections are counted in the kernel's table, which is only there on Linux"
)
async def test_connections_are_used_again() -> None:
    """Twenty answers in a row need one connection."""
    ports: set[str] = set()
    async with TestServer(answer) as server:
        endpoint = Endpoint(server.chat_url, allow=frozenset({server.host}), deadlines=Deadlines())
        for _ in range(20):
            async with endpoint.post("/chat/completions", headers={}, body=BODY) as response:
                await response.read()
            ports.add(str(_local_ports(server.port)))
        await endpoint.close()
    assert len(ports) == 1


async def test_a_large_prompt_goes_through() -> None:
    """Two megabytes, without a warning."""
    body = BODY.replace(b"hi", b"x" * 2_000_000)
    async with TestServer(answer) as server:
        assert b"hello" in await fetch(Endpoint(server.chat_url, allow=frozenset({server.host})), body)


def test_a_secret_never_shows_its_value() -> None:
    """Neither in its repr nor in a text that it scrubbed, plain or percent-encoded."""
    environ = {"B_KEY": "  sk/abc+def=  "}
    secret = Secret(("A_KEY", "B_KEY"))
    assert secret.present(environ)
    assert secret.reveal(environ) == "sk/abc+def="
    assert "sk/abc" not in repr(secret)
    assert secret.scrub("key sk/abc+def= or sk%2Fabc%2Bdef%3D", environ) == "key [B_KEY] or [B_KEY]"


def test_a_key_that_is_missing_or_broken_is_named_not_shown() -> None:
    """The message says which variable to set, and nothing of a value that cannot be sent."""
    with pytest.raises(MissingPart, match="A_KEY or B_KEY"):
        Secret(("A_KEY", "B_KEY")).reveal({"A_KEY": " "})
    with pytest.raises(ConfigRefused) as caught:
        Secret(("A_KEY",)).reveal({"A_KEY": "one\ntwo"})
    assert "two" not in str(caught.value)


def _local_ports(port: int) -> set[int]:
    """Our ends of the connections to `port`, from the kernel's table."""
    rows = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if int(row[2].split(":")[1], 16) == port and row[3] == "01"}
