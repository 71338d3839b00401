"""RTMP from nginx and RTSP from GStreamer: publishers that die, servers that stand still, media over UDP."""

from __future__ import annotations

import pytest

from live_inputs import supervised, watching
from peer_publishers import RTMP, publish
from peer_servers import rtmp_server, rtsp_server
from peers import Peers, peers  # noqa: F401 - a fixture
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.pool import DecodePool
from qoed.model import Outcome, Phase, Reason
from qoed_engine.manifest import Recipe


async def test_rtmp_publisher_that_dies_is_waited_for(peers: Peers) -> None:
    """When nobody publishes any more it is told, and the stream goes on with the next publisher."""
    _, rtmp = await rtmp_server(peers)
    first = publish(peers, {f"{rtmp}/tv": RTMP})
    quick = {"timeout_s": 4.0, "input_stalled": 1.5}
    async with supervised(f"{rtmp}/tv", **quick) as watch:
        await watch.got(2)
        first.kill()
        before = len(watch.segments)
        told = len(watch.findings)  # of the time before the first one had published anything
        await watch.until(lambda: len(watch.findings) > told)
        publish(peers, {f"{rtmp}/tv": RTMP})
        await watch.got(before + 2)
        await watch.until(lambda: watch.findings[-1].phase is Phase.END)
    starts = [each.media_time_s for each in watch.segments]

    assert watch.findings[told].reason in (Reason.INPUT_STALLED, Reason.INPUT_UNAVAILABLE)
    assert {each.reason for each in watch.findings} <= {Reason.INPUT_STALLED, Reason.INPUT_UNAVAILABLE}
    assert starts == sorted(starts)
    assert [each.sequence for each in watch.segments] == list(range(len(starts)))
    assert any(each.discontinuity for each in watch.segments[before:])


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_rtsp_comes_both_ways(peers: Peers, transport: str) -> None:
    """RTSP media are asked for over the connection or as datagrams, and decode without a finding."""
    _, rtsp = await rtsp_server(peers)
    async with watching(f"{rtsp}/live", transport=transport) as watch:
        await watch.got(2)
    async with DecodePool(1, Recipe(), SystemClock()) as pool:
        results = [await pool.decode(each, DecodeOptions(depth="full")) for each in watch.segments]

    assert [round(each.duration_s, 2) for each in watch.segments[:2]] == [2.0, 2.0]
    assert {result.outcome for result in results} == {Outcome.OK}
    assert all(result.measures.has_audio for result in results)
    assert watch.findings == []


async def test_server_that_stands_still_is_stalled(peers: Peers) -> None:
    """A server that is there and sends nothing is told within the limit, and over when it goes on."""
    server, rtsp = await rtsp_server(peers)
    async with watching(f"{rtsp}/live", input_stalled=1.0, timeout_s=15.0) as watch:
        await watch.got(1)
        server.freeze()
        await watch.until(lambda: Reason.INPUT_STALLED in watch.told(phase=Phase.START))
        server.thaw()
        await watch.until(lambda: Reason.INPUT_STALLED in watch.told(phase=Phase.END))

    assert watch.error is None
