"""DASH by FFmpeg's muxer and by Shaka Packager, served by nginx: no false alarm, and the exact one."""

from __future__ import annotations

from pathlib import Path

from peer_publishers import DASH, DASH_LIST, DASH_NUMBER, package, publish
from peer_servers import nginx
from peers import Peers, peers  # noqa: F401 - a fixture
from watched import watched

MUXERS = {"timeline": DASH, "number": DASH_NUMBER, "list": DASH_LIST}


async def test_ffmpeg_dash_is_scored_without_a_finding_until_the_encoder_dies(
    peers: Peers, tmp_path: Path
) -> None:
    """SegmentTimeline, numbers by duration and SegmentList are scored; a dead encoder is told."""
    outputs = {tmp_path / "root" / name / "live.mpd": options for name, options in MUXERS.items()}
    for manifest in outputs:
        manifest.parent.mkdir(parents=True)
    publisher = publish(peers, outputs)
    await publisher.ready(lambda: all(manifest.exists() for manifest in outputs))
    server = await nginx(peers, tmp_path / "root")
    streams = {name: server.url(f"{name}/live.mpd") for name in MUXERS}
    async with watched(tmp_path, streams) as watch:
        await watch.scored(8, *streams)
        assert watch.said() == []

        publisher.kill()
        # A timeline or a list that does not grow is stale; a number that is due by the clock does not come.
        for name in ("timeline", "list"):
            await watch.alerted(name, "playlist_stale")
        await watch.found("number", "segment_unavailable", "event")

    for name in streams:
        watch.assert_steady(name)
    assert watch.reasons("timeline") == watch.reasons("list") == {"playlist_stale"}


async def test_shaka_packager_is_scored_as_dash_and_as_hls_without_a_finding(
    peers: Peers, tmp_path: Path
) -> None:
    """One live packaging by Shaka Packager is scored through its MPD and through its playlist alike."""
    (root := tmp_path / "root").mkdir()
    _, packager = package(peers, root)
    await packager.ready(lambda: (root / "live.mpd").exists() and (root / "live.m3u8").exists())
    server = await nginx(peers, root)
    streams = {"dash": server.url("live.mpd"), "hls": server.url("live.m3u8")}
    async with watched(tmp_path, streams) as watch:
        await watch.scored(8, *streams)
        assert watch.said() == []

        packager.kill()
        for name in streams:
            await watch.alerted(name, "playlist_stale")

    for name in streams:
        watch.assert_steady(name)
        assert watch.reasons(name) == {"playlist_stale"}
