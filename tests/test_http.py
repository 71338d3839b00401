"""The HTTP client against a real origin: bounded in every way, honest about time, silent about secrets."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest

from origin import LiveOrigin
from qoed.errors import ErrorReason
from qoed.source.address import AddressGuard
from qoed.source.http import Fetched, FetchError, FetchKind, HttpClient

BODY = bytes(range(256)) * 400


@pytest.fixture
async def origin() -> AsyncIterator[LiveOrigin]:
    """A running origin."""
    async with LiveOrigin() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """A client with a short patience for silence."""
    async with HttpClient(sock_read_s=0.4) as client:
        yield client


async def get(http: HttpClient, url: str, **more: object) -> Fetched:
    settings: dict[str, object] = {"max_bytes": 10**6, "deadline_s": 5.0}
    return await http.fetch(url, **(settings | more))  # type: ignore[arg-type]


async def failure(http: HttpClient, url: str, **more: object) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await get(http, url, **more)
    assert "S3CR3T" not in str(caught.value)
    return caught.value


async def test_body_comes_with_timings(origin: LiveOrigin, http: HttpClient) -> None:
    """A body comes whole, with connect, first-byte and download times within the total."""
    url = origin.put("/a.ts", BODY)
    origin.fault("/a.ts", delay_s=0.1)
    found = await get(http, url)
    timings = found.timings

    assert found.body == BODY
    assert (found.status, timings.status, timings.bytes) == (200, 200, len(BODY))
    assert timings.connect_s is not None
    assert timings.ttfb_s is not None
    assert timings.download_s is not None
    assert 0.1 <= timings.ttfb_s < 1.0
    assert timings.connect_s + timings.ttfb_s + timings.download_s <= timings.total_s + 1e-6


async def test_reused_connection_has_no_connect_time(origin: LiveOrigin, http: HttpClient) -> None:
    """A phase that did not happen is None, not zero."""
    url = origin.put("/a.ts", BODY)
    await get(http, url)
    again = await get(http, url)

    assert again.timings.connect_s is None
    assert again.timings.dns_s is None


async def test_name_resolution_is_timed(origin: LiveOrigin, http: HttpClient) -> None:
    """A host name's look-up has its own time, apart from the connection's."""
    origin.put("/a.ts", BODY)
    found = await get(http, f"http://localhost:{origin.port}/a.ts")

    assert found.timings.dns_s is not None
    assert found.timings.dns_s >= 0


async def test_error_status_is_told_with_redacted_url(origin: LiveOrigin, http: HttpClient) -> None:
    """A refused request names status and URL, without query and userinfo."""
    url = f"http://user:S3CR3T@127.0.0.1:{origin.port}/gone.ts?token=S3CR3T#S3CR3T"
    error = await failure(http, url)

    assert str(error) == f"HTTP 404: http://127.0.0.1:{origin.port}/gone.ts"
    assert (error.kind, error.status, error.reason) == (
        FetchKind.STATUS,
        404,
        ErrorReason.SOURCE_UNAVAILABLE,
    )


async def test_byte_range_is_asked_and_cut(origin: LiveOrigin, http: HttpClient) -> None:
    """A byte range gives exactly those bytes, from servers that serve ranges and from those that do not."""
    url = origin.put("/a.ts", BODY)
    assert (await get(http, url, byte_range=(100, 50))).body == BODY[100:150]
    assert origin.requests[-1].headers["Range"] == "bytes=100-149"

    fault = origin.fault("/a.ts", ignore_range=True)
    whole = await get(http, url, byte_range=(100, 50))
    assert (whole.status, whole.body) == (200, BODY[100:150])
    origin.clear(fault)

    error = await failure(http, url, byte_range=(len(BODY) - 10, 50))
    assert error.kind is FetchKind.RANGE
    assert str(error).startswith(f"asked for 50 bytes at {len(BODY) - 10}, got 10:")


async def test_body_beyond_the_cap_is_cut_off(origin: LiveOrigin, http: HttpClient) -> None:
    """A body larger than allowed ends the exchange early."""
    url = origin.put("/big", bytes(5_000_000))
    error = await failure(http, url, max_bytes=100_000)

    assert error.kind is FetchKind.TOO_LARGE
    assert error.timings.bytes < 1_000_000


async def test_gzip_bomb_is_bounded_by_its_decompressed_size(http: HttpClient) -> None:
    """What a compressed body unfolds to counts against the cap, not its size on the wire."""
    bomb = gzip.compress(bytes(50_000_000))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        error = await failure(http, f"http://127.0.0.1:{port}/x.m3u8", max_bytes=2_000_000)

    assert error.kind is FetchKind.TOO_LARGE
    assert error.timings.bytes < 8_000_000


async def test_silent_connection_is_given_up(origin: LiveOrigin, http: HttpClient) -> None:
    """A body that stalls in the middle is given up long before a generous deadline."""
    url = origin.put("/a.ts", BODY)
    origin.fault("/a.ts", stall_after=len(BODY) - 1)
    begun = time.monotonic()
    error = await failure(http, url, deadline_s=30.0)

    assert error.kind is FetchKind.TIMEOUT
    assert str(error).startswith("connection went silent:")
    assert time.monotonic() - begun < 3


async def test_slow_drip_ends_at_the_deadline(origin: LiveOrigin, http: HttpClient) -> None:
    """A body that never falls silent and never comes to its end is cut off at the deadline, and counted."""
    url = origin.put("/a.ts", BODY)
    origin.fault("/a.ts", throttle_bps=80_000)
    begun = time.monotonic()
    error = await failure(http, url, deadline_s=0.8)

    assert error.kind is FetchKind.TIMEOUT
    assert str(error).startswith("not complete within 0.8 s:")
    assert 0 < error.timings.bytes < len(BODY)
    assert time.monotonic() - begun < 2


async def test_broken_connection_is_told(origin: LiveOrigin, http: HttpClient) -> None:
    """A connection that closes without an answer, or in mid-body, is one clear error."""
    url = origin.put("/a.ts", BODY)
    origin.fault("/a.ts", drop=True)

    assert (await failure(http, url)).kind is FetchKind.BROKEN


async def test_refused_connection_is_told(http: HttpClient) -> None:
    """A port where nobody listens is `connect`, said in words."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    error = await failure(http, f"http://127.0.0.1:{port}/?k=S3CR3T")

    assert error.kind is FetchKind.CONNECT
    assert str(error) == f"connection refused: http://127.0.0.1:{port}/"


async def test_redirects_are_followed_up_to_five(origin: LiveOrigin, http: HttpClient) -> None:
    """Five redirects are followed, a sixth is not, and a loop ends."""
    origin.put("/0", b"here")
    for hop in range(1, 7):
        origin.redirect(f"/{hop}", f"/{hop - 1}")

    found = await get(http, origin.url("/5"))
    assert found.body == b"here"
    assert found.final_url == origin.url("/0")

    error = await failure(http, origin.url("/6"))
    assert error.kind is FetchKind.REDIRECT
    assert str(error).startswith("more than 5 redirects:")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher:x"])
async def test_redirect_to_another_scheme_is_refused(
    origin: LiveOrigin, http: HttpClient, target: str
) -> None:
    """A redirect never leads out of http(s)."""
    error = await failure(http, origin.redirect("/r", target))

    assert error.kind is FetchKind.REFUSED
    assert not error.retryable


async def test_credentials_do_not_follow_to_another_origin(origin: LiveOrigin, http: HttpClient) -> None:
    """Authorization and Cookie are dropped when a redirect leaves the origin; other headers go on."""
    async with LiveOrigin() as elsewhere:
        elsewhere.put("/there", b"x")
        url = origin.redirect("/here", elsewhere.url("/there"))
        await get(http, url, headers={"Authorization": "S3CR3T", "Cookie": "S3CR3T", "X-Player": "tv"})

        assert origin.requests[-1].headers["Authorization"] == "S3CR3T"
        seen = elsewhere.requests[-1].headers
        assert seen["X-Player"] == "tv"
        assert "S3CR3T" not in str(seen)


async def test_denied_address_is_refused_at_once() -> None:
    """A metadata address is refused without a connection, and said to be not allowed."""
    async with HttpClient() as http:
        error = await failure(http, "http://169.254.169.254/latest/meta-data?S3CR3T")

    assert error.kind is FetchKind.REFUSED
    assert str(error) == "address not allowed: http://169.254.169.254/latest/meta-data"


async def test_redirect_to_a_denied_address_is_refused(origin: LiveOrigin, http: HttpClient) -> None:
    """A redirect does not get around the address guard."""
    error = await failure(http, origin.redirect("/r", "http://169.254.169.254/"))

    assert error.kind is FetchKind.REFUSED


async def test_guard_can_be_told_to_deny_and_allow(origin: LiveOrigin) -> None:
    """Denied networks are refused unless a narrower wish allows them."""
    from ipaddress import ip_network

    origin.put("/a", b"x")
    loopback = ip_network("127.0.0.0/8")
    async with HttpClient(guard=AddressGuard(deny=[loopback])) as http:
        assert (await failure(http, origin.url("/a"))).kind is FetchKind.REFUSED
    async with HttpClient(guard=AddressGuard(deny=[loopback], allow=[loopback])) as http:
        assert (await get(http, origin.url("/a"))).body == b"x"


async def test_waiting_for_our_own_connections_is_not_blamed_on_the_origin(origin: LiveOrigin) -> None:
    """A request that our own limit held up is told as such, and waiting does not count as download time."""
    url = origin.put("/a", b"x")
    origin.fault("/a", delay_s=0.4, times=1)
    async with HttpClient(limit_per_host=1) as http:
        slow = asyncio.ensure_future(get(http, url))
        await asyncio.sleep(0.05)
        error = await failure(http, url, deadline_s=0.1)
        waited = await get(http, url)
        await slow

    assert error.kind is FetchKind.QUEUED
    assert waited.timings.total_s < 0.2


async def test_environment_proxies_are_ignored(
    origin: LiveOrigin, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment does not change what is measured."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url = origin.put("/a", b"x")

    assert (await get(http, url)).body == b"x"


async def test_signed_urls_are_sent_as_written(origin: LiveOrigin, http: HttpClient) -> None:
    """A percent-encoded signature reaches the origin byte for byte."""
    origin.put("/a", b"x")
    await get(http, origin.url("/a?sig=a%2Bb%2F%3D&x=%7E"))

    assert origin.requests[-1].query == "sig=a%2Bb%2F%3D&x=%7E"


async def test_abandoned_exchange_leaves_the_client_usable(origin: LiveOrigin, http: HttpClient) -> None:
    """Cancelling a fetch frees its connection."""
    url = origin.put("/a", BODY)
    fault = origin.fault("/a", stall_after=10)
    task = asyncio.ensure_future(get(http, url))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    origin.clear(fault)

    assert (await get(http, url)).body == BODY
