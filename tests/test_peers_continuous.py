"""Continuous inputs from real encoders and servers: FFmpeg, nginx-rtmp, GStreamer, SRT's own relay."""

from __future__ import annotations

from pathlib import Path
from socket import SOCK_DGRAM

from peer_publishers import HTTP, RTMP, RTP, RTSP, UDP, publish, publish_alone
from peer_servers import rtmp_server, rtsp_server, srt_relay
from peers import Peers, free_port, peers  # noqa: F401 - a fixture
from watched import watched


async def test_every_kind_of_input_is_scored_without_a_finding(peers: Peers, tmp_path: Path) -> None:
    """MPEG-TS over UDP, RTP, SRT and HTTP, RTMP and RTSP are scored second by second without a finding."""
    _, rtmp = await rtmp_server(peers)
    _, rtsp = await rtsp_server(peers)
    _, to_srt, srt = srt_relay(peers)
    streams = {
        "udp": f"udp://127.0.0.1:{free_port(SOCK_DGRAM)}",
        "rtp": f"rtp://127.0.0.1:{free_port(SOCK_DGRAM)}",
        "srt": srt,
        "http": {"url": f"http://127.0.0.1:{free_port()}/live", "format": "ts"},
        "rtmp": f"{rtmp}/tv",
        "rtsp": f"{rtsp}/live",
        "relayed": f"{rtsp}/relay",
    }
    publish(
        peers,
        {
            f"{streams['udp']}?pkt_size=1316": UDP,
            f"{streams['rtp']}?pkt_size=1316": RTP,
            to_srt: UDP,
            streams["rtmp"]: RTMP,
            f"{rtsp}/push": RTSP,
        },
    )
    publish_alone(peers, streams["http"]["url"], HTTP)
    async with watched(tmp_path, streams) as watch:
        await watch.scored(8, *streams)
        assert watch.said() == []
    for name in streams:
        watch.assert_steady(name)


async def test_an_encoder_that_dies_stalls_its_inputs_until_it_is_back(peers: Peers, tmp_path: Path) -> None:
    """UDP, RTP and SRT without media are `input_stalled`; with the encoder back that is over."""
    _, to_srt, srt = srt_relay(peers)
    streams = {
        "udp": f"udp://127.0.0.1:{free_port(SOCK_DGRAM)}",
        "rtp": f"rtp://127.0.0.1:{free_port(SOCK_DGRAM)}",
        "srt": srt,
    }
    outputs = {
        f"{streams['udp']}?pkt_size=1316": UDP,
        f"{streams['rtp']}?pkt_size=1316": RTP,
        to_srt: UDP,
    }
    encoder = publish(peers, outputs)
    async with watched(tmp_path, streams) as watch:
        await watch.scored(3, *streams)
        encoder.kill()
        for name in streams:
            alert = await watch.alerted(name, "input_stalled")
            assert (alert["severity"], alert["cause"]) == ("critical", "network")
        publish(peers, outputs)
        for name in streams:
            await watch.alerted(name, "input_stalled", "resolved")
        scored = {name: len(watch.times(name)) for name in streams}
        await watch.until(lambda: all(len(watch.times(name)) > scored[name] + 2 for name in streams))

    # A picture cut off in the middle and packets counted from 0 again are told as well; nothing else is down.
    assert watch.fired("critical") == {(name, "input_stalled") for name in streams}
    for name in streams:
        times = watch.times(name)
        assert times == sorted(times)


async def test_servers_that_die_make_their_inputs_unavailable(peers: Peers, tmp_path: Path) -> None:
    """RTMP, RTSP and HTTP inputs whose server is gone are `input_unavailable`, and nothing else."""
    rtmp_peer, rtmp = await rtmp_server(peers)
    rtsp_peer, rtsp = await rtsp_server(peers)
    http = f"http://127.0.0.1:{free_port()}/live"
    streams = {"rtmp": f"{rtmp}/tv", "rtsp": f"{rtsp}/live", "http": {"url": http, "format": "ts"}}
    publish(peers, {streams["rtmp"]: RTMP})
    http_peer = publish_alone(peers, http, HTTP)
    async with watched(tmp_path, streams) as watch:
        await watch.scored(3, *streams)
        for peer in (rtmp_peer, rtsp_peer, http_peer):
            peer.kill()
        for name in streams:
            alert = await watch.alerted(name, "input_unavailable")
            assert (alert["severity"], alert["cause"]) == ("critical", "network")

    assert all(watch.reasons(name) == {"input_unavailable"} for name in streams)
