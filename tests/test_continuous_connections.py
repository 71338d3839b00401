"""Continuous inputs over connections: MPEG-TS over HTTP, RTSP; where they may lead, and how they end."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from certificates import certificates
from live_inputs import DATAGRAM, MEDIA_S, SPEED, children, program, supervised, watching
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.pool import DecodePool
from qoed.errors import ErrorReason
from qoed.model import Outcome, Phase, Reason
from qoed.source import HttpClient
from qoed.source.address import AddressGuard
from qoed_engine.manifest import Recipe
from rtsp_origin import rtsp_origin

ELSEWHERE = "127.0.0.2"
GUARD = AddressGuard(deny=[ipaddress.ip_network(f"{ELSEWHERE}/32")])
"""This host has many addresses; one of them is out of bounds."""
Pages = dict[str, Callable[[web.Request], object]]


class Streamer:
    """An HTTP server with an endless (`/live.ts`), a finite, a mute and a missing stream."""

    def __init__(self) -> None:
        self.port = 0
        self.headers: list[dict[str, str]] = []
        self.enough = asyncio.Event()

    def url(self, path: str) -> str:
        """Address of a path, with a secret in its query."""
        return f"http://127.0.0.1:{self.port}/{path}?token=S3CR3T"

    async def live(self, request: web.Request) -> web.StreamResponse:
        """The stream at `SPEED`, or up to `?until=` of it; `/mute.ts` stops there without closing."""
        self.headers.append(dict(request.headers))
        response = web.StreamResponse(headers={"Content-Type": "video/mp2t"})
        await response.prepare(request)
        data = program()
        data = data[: len(data) // (1 if request.path == "/live.ts" else 2)]
        pause_s = MEDIA_S / SPEED / (len(program()) / DATAGRAM)
        for at in range(0, len(data), DATAGRAM):
            await response.write(data[at : at + DATAGRAM])
            await asyncio.sleep(pause_s)
        if request.path == "/mute.ts":
            await self.enough.wait()
        return response

    async def away(self, _request: web.Request) -> web.Response:
        """To an address that is out of bounds."""
        raise web.HTTPFound(f"http://{ELSEWHERE}:{self.port}/live.ts")


@asynccontextmanager
async def streamer() -> AsyncIterator[Streamer]:
    """It, running."""
    server = Streamer()
    app = web.Application()
    for path in ("/live.ts", "/half.ts", "/mute.ts"):
        app.router.add_get(path, server.live)
    app.router.add_get("/away.ts", server.away)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "0.0.0.0", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.enough.set()
        await runner.cleanup()


async def outcomes(watch: object) -> list[Outcome]:
    """How the segments fare in a decode worker."""
    async with DecodePool(1, Recipe(), SystemClock()) as pool:
        segments = watch.segments  # type: ignore[attr-defined]
        return [(await pool.decode(each, DecodeOptions(depth="full"))).outcome for each in segments]


async def test_endless_transport_stream_over_http_is_scored() -> None:
    """With `format: ts` a response without end is cut as it arrives, through the client that all share."""
    async with streamer() as server, watching(server.url("live.ts"), format="ts") as watch:
        await watch.got(3)

    assert [each.duration_s for each in watch.segments[:3]] == [2.0, 2.0, 2.0]
    assert watch.findings == []
    assert server.headers[0]["X-Token"] == "S3CR3T"
    assert server.headers[0]["Accept-Encoding"] == "identity"
    assert set(await outcomes(watch)) == {Outcome.OK}


async def test_http_stream_that_ends_has_ended() -> None:
    """What came before the end is there; the end is an error, for a live stream has none."""
    async with streamer() as server, watching(server.url("half.ts"), format="ts") as watch:
        error = await watch.failed()

    assert str(error) == f"http://127.0.0.1:{server.port}/live.ts: the input has ended".replace(
        "live", "half"
    )
    assert error.reason is ErrorReason.SOURCE_ENDED
    assert sum(each.duration_s for each in watch.segments) == pytest.approx(MEDIA_S / 2, abs=0.2)


async def test_http_stream_that_falls_silent_is_stalled_and_ends() -> None:
    """A connection that stays open without media is told, and opened anew after the timeout."""
    options = {"input_stalled": 0.5, "timeout_s": 2.0}
    async with streamer() as server, watching(server.url("mute.ts"), format="ts", **options) as watch:
        error = await watch.failed()

    assert watch.told() == [Reason.INPUT_STALLED]
    assert "no media for 2 s" in str(error) or "connection went silent" in str(error)


@pytest.mark.parametrize(
    ("path", "said"), [("none.ts", "HTTP 404"), ("away.ts", "address not allowed")], ids=["404", "redirected"]
)
async def test_http_errors_are_those_of_the_client(path: str, said: str) -> None:
    """Status codes, guarded addresses and the like are told as for playlists, without the query."""
    http = HttpClient(guard=GUARD)
    async with streamer() as server, watching(server.url(path), format="ts", http=http) as watch:
        error = await watch.failed()

    assert said in str(error)
    assert "S3CR3T" not in str(error)
    assert watch.told() == []


async def test_rtsp_is_played_over_its_own_connection() -> None:
    """RTSP with interleaved media is demuxed, put into segments and decoded."""
    async with rtsp_origin(program()) as origin, watching(origin.url("/tv")) as watch:
        await watch.got(3)
        methods = [each.split()[0] for each in origin.asked]
    assert methods[:4] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]
    assert [round(each.duration_s, 2) for each in watch.segments[:3]] == [2.0, 2.0, 2.0]
    assert {each.container for each in watch.segments} == {"mpegts"}
    assert watch.findings == []
    assert set(await outcomes(watch)) == {Outcome.OK}


@pytest.mark.parametrize(
    ("trusted", "verify", "plays"),
    [(True, True, True), (False, True, False), (False, False, True)],
    ids=["known authority", "unknown authority", "not verified"],
)
async def test_certificates_are_verified(tmp_path: Path, trusted: bool, verify: bool, plays: bool) -> None:
    """RTSPS plays from servers whose authority is known, or, when that is turned off, from any."""
    authority = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    options = {"verify": verify, "ca_file": str(authority) if trusted else None}
    async with rtsp_origin(program(), tls=context) as origin:
        url = origin.url("/tv").replace("rtsp:", "rtsps:")
        async with watching(url, **options) as watch:
            await watch.until(lambda: watch.segments or watch.error)

    assert bool(watch.segments) == plays
    assert watch.error is None or "is the server's certificate good?" in str(watch.error)


async def test_rtsp_server_may_not_send_us_anywhere() -> None:
    """A redirection is refused before anybody is called: it could lead past the address guard."""
    async with (
        rtsp_origin(program()) as inner,
        rtsp_origin(b"", inner.url("/tv", ELSEWHERE)) as outer,
        watching(outer.url("/away")) as watch,
    ):
        error = await watch.failed()

    assert str(error) == f"{outer.url('/away')}: refused: the server sends us elsewhere"
    assert error.reason is ErrorReason.SOURCE_REFUSED
    assert (watch.segments, inner.asked) == ([], [])


async def test_rtsp_server_may_not_have_us_read_files() -> None:
    """A redirection to another protocol, a file say, is refused by the same whitelist."""
    async with rtsp_origin(b"", f"file://{__file__}") as origin, watching(origin.url("/away")) as watch:
        error = await watch.failed()

    assert watch.segments == []
    assert error.retryable


class Rebound(AddressGuard):
    """Allows a name's address once; when the connection stands, it has become another one."""

    asked = 0

    def allows(self, text: str) -> bool:
        """Whether `text` may be reached."""
        Rebound.asked += 1
        return Rebound.asked == 1


async def test_name_that_changes_its_address_is_noticed() -> None:
    """Whom FFmpeg has reached is checked before a segment of it is taken."""
    Rebound.asked = 0
    async with rtsp_origin(program()) as origin:
        url = origin.url("/tv", "localhost")
        async with watching(url, http=HttpClient(guard=Rebound())) as watch:
            error = await watch.failed()

    assert str(error) == f"{url}: address not allowed"
    assert (error.reason, error.retryable) == (ErrorReason.SOURCE_REFUSED, False)
    assert watch.segments == []


@pytest.mark.parametrize(
    ("path", "said"), [("/none", "404 Not Found"), ("/tv", "Connection refused")], ids=["404", "refused"]
)
async def test_rtsp_failures_are_told_in_ffmpegs_words(path: str, said: str) -> None:
    """What FFmpeg says of a failure is passed on, without URL and user."""
    async with rtsp_origin(program()) as origin:
        port = origin.port
        if said == "Connection refused":
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                port = closed.getsockname()[1]
        async with watching(f"rtsp://user:S3CR3T@127.0.0.1:{port}{path}?key=S3CR3T") as watch:
            error = await watch.failed()

    assert said in str(error)
    assert "S3CR3T" not in str(error)
    assert str(error).startswith(f"rtsp://127.0.0.1:{port}{path}: ")


async def test_mute_server_is_given_up_in_time() -> None:
    """A server that takes the connection and never answers costs the timeout and no more."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        async with watching(f"rtsp://127.0.0.1:{port}/a", timeout_s=1.5) as watch:
            error = await watch.failed(within_s=10)

    assert str(error) == f"rtsp://127.0.0.1:{port}/a: no answer in time"


async def test_server_that_comes_back_is_played_again() -> None:
    """A publisher that dies in the middle is retried until it is back; time and numbers go on."""
    async with rtsp_origin(program()) as origin, supervised(origin.url("/tv")) as watch:
        await watch.got(2)
        await watch.until(lambda: any(each.discontinuity for each in watch.segments))  # it played to its end
        await watch.got(len(watch.segments) + 1)
    numbers = [each.sequence for each in watch.segments]
    starts = [each.media_time_s for each in watch.segments]

    assert numbers == list(range(len(numbers)))
    assert starts == sorted(starts)
    assert all(each.phase is Phase.EVENT for each in watch.findings)
    assert children() == []
