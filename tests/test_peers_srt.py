"""SRT with FFmpeg on the other side: calling and listening, encryption, stream ids, and a link that loses."""

from __future__ import annotations

import asyncio
import random
import select
import socket
import threading
from typing import Any, Self

import pytest

from live_inputs import Hasty, opened, supervised, udp_port, watching
from peer_publishers import SRT, publish_alone
from peers import Peer, Peers, peers, require  # noqa: F401 - a fixture
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.pool import DecodePool
from qoed.errors import ErrorReason
from qoed.model import Outcome, Reason
from qoed_engine.manifest import Recipe

SECRET = "S3CR3T-S3CR3T"


def publish(peers: Peers, address: str, *query: str) -> Peer:
    """FFmpeg sends to, or waits at, an address."""
    require("ffmpeg-srt")
    return publish_alone(peers, f"srt://{address}?{'&'.join(('pkt_size=1316', *query))}", SRT)


async def outcomes(watch: Any) -> set[Outcome]:
    """How its segments decode."""
    async with DecodePool(1, Recipe(), SystemClock()) as pool:
        return {(await pool.decode(each, DecodeOptions(depth="full"))).outcome for each in watch.segments}


@pytest.mark.parametrize("secret", [None, SECRET], ids=["plain", "encrypted"])
@pytest.mark.parametrize("listen", [False, True], ids=["we call", "we listen"])
async def test_both_sides_may_call(peers: Peers, listen: bool, secret: str | None) -> None:
    """Caller and listener, with and without a passphrase: the stream comes, decodes and has no finding."""
    port = udp_port()
    words = [f"passphrase={secret}"] if secret else []
    ours = "&".join([f"mode={'listener' if listen else 'caller'}", "latency=200", *words])
    if not listen:
        publish(peers, f"127.0.0.1:{port}", "mode=listener", *words)
    async with supervised(f"srt://127.0.0.1:{port}?{ours}") as watch:
        if listen:
            await opened(port)
            publish(peers, f"127.0.0.1:{port}", *words)
        await watch.got(2)

    assert [each.duration_s for each in watch.segments[:2]] == [2.0, 2.0]
    assert watch.findings == [] or not listen  # FFmpeg may need longer to listen than we to call
    assert await outcomes(watch) == {Outcome.OK}


async def test_wrong_passphrase_is_told_and_not_shown(peers: Peers) -> None:
    """A link that the other side refuses says what may be wrong, without the secret."""
    port = udp_port()
    publish(peers, f"127.0.0.1:{port}", "mode=listener", f"passphrase={SECRET}")
    await opened(port)
    async with watching(f"srt://127.0.0.1:{port}?passphrase={SECRET}-wrong") as watch:
        error = await watch.failed()

    assert str(error) == (
        f"srt://127.0.0.1:{port}: SRT refused: the passphrase is wrong, or one side has none"
    )
    assert error.retryable


async def test_nobody_answers(peers: Peers) -> None:
    """A call that nobody takes ends after the timeout."""
    require("ffmpeg-srt")
    async with watching(f"srt://127.0.0.1:{udp_port()}", timeout_s=1.0) as watch:
        error = await watch.failed(within_s=8)

    assert str(error).endswith("SRT: no answer")


async def test_stream_id_chooses_whom_we_listen_to(peers: Peers) -> None:
    """A listener with a stream id takes the caller that says it, and hangs up on others."""
    port = udp_port()
    async with supervised(f"srt://127.0.0.1:{port}?mode=listener", streamid=SECRET) as watch:
        await opened(port)
        stranger = publish(peers, f"127.0.0.1:{port}", "streamid=another")
        while stranger.running:
            await asyncio.sleep(0.1)
        assert watch.segments == []
        publish(peers, f"127.0.0.1:{port}", f"streamid={SECRET}")
        await watch.got(1)

    assert watch.told() in ([], [Reason.INPUT_STALLED, Reason.INPUT_STALLED])


async def test_caller_that_dies_is_waited_for(peers: Peers) -> None:
    """When the other side is gone the run ends; the supervisor listens again, and time goes on."""
    port = udp_port()
    async with supervised(f"srt://127.0.0.1:{port}?mode=listener", timeout_s=2.0) as watch:
        await opened(port)
        first = publish(peers, f"127.0.0.1:{port}")
        await watch.got(1)
        first.kill()
        before = len(watch.segments)
        await asyncio.sleep(3.0)
        publish(peers, f"127.0.0.1:{port}")
        await watch.got(before + 1)

    assert watch.segments[before].discontinuity
    assert watch.segments[before].media_time_s > watch.segments[before - 1].media_time_s + 2.0


async def test_listener_without_a_caller_is_stalled(peers: Peers) -> None:
    """Nobody calls: it is told, and the port stays open however long it takes."""
    require("ffmpeg-srt")
    url = f"srt://127.0.0.1:{udp_port()}?mode=listener"
    async with watching(url, input_stalled=0.5, timeout_s=1.0) as watch:
        await watch.until(lambda: watch.findings)
        await asyncio.sleep(2.0)

    assert watch.told() == [Reason.INPUT_STALLED]
    assert watch.error is None


class LossyLink:
    """Forwards datagrams between two sides and drops a share of those towards the receiver."""

    def __init__(self, target: int, share: float) -> None:
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.connect(("127.0.0.1", target))
        self.port = self._front.getsockname()[1]
        self._share = share
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._front.close()
        self._back.close()

    def _run(self) -> None:
        dice, caller = random.Random(5), None
        while not self._stop.is_set():
            ready, _, _ = select.select([self._front, self._back], [], [], 0.1)
            try:
                if self._front in ready:
                    data, caller = self._front.recvfrom(2048)
                    if data[0] & 0x80 or dice.random() >= self._share:  # control packets pass
                        self._back.send(data)
                if self._back in ready:
                    data = self._back.recv(2048)
                    if caller is not None:
                        self._front.sendto(data, caller)
            except ConnectionRefusedError:
                continue


async def test_lossy_link_shows_its_own_numbers(peers: Peers) -> None:
    """What SRT could not repair in time is `link_loss`, with what it repaired and its round-trip time."""
    port = udp_port()
    with LossyLink(port, 0.3) as link:
        async with watching(
            f"srt://127.0.0.1:{port}?mode=listener&latency=20", clock=Hasty(5), ts_continuity=False
        ) as watch:
            await opened(port)
            publish(peers, f"127.0.0.1:{link.port}", "latency=20000")
            await watch.until(lambda: Reason.LINK_LOSS in watch.told(), within_s=30)
    loss = next(each for each in watch.findings if each.reason is Reason.LINK_LOSS)

    assert loss.value is not None
    assert loss.value > 0
    assert loss.evidence["received"] > 0
    assert loss.evidence["repaired"] > 0
    assert 0 < loss.evidence["rtt_ms"] < 1000


async def test_secrets_of_a_link_are_in_no_error(peers: Peers) -> None:
    """Whatever fails, passphrase and stream id stay out of it."""
    require("ffmpeg-srt")
    url = f"srt://127.0.0.1:{udp_port()}?passphrase={SECRET}&streamid={SECRET}"
    async with supervised(url, timeout_s=0.5, input_unavailable=1) as watch:
        await watch.until(lambda: Reason.INPUT_UNAVAILABLE in watch.told())

    assert SECRET not in repr(watch.findings)
    assert watch.findings[0].evidence["error"] == ErrorReason.SOURCE_UNAVAILABLE
