"""DASH by FFmpeg's muxer and by Shaka Packager, served by nginx: no false alarm, and the exact one."""

from __future__ import annotations

from pathlib import Path

from peer_publishers import DASH, DASH_LIST, DASH_NUMBER, package, publish
from peer_servers import nginx
from peers import Peers, peers  # noqa: F401 - a fixture
from watched import watched

MUXERS = {"timeline": DASH, "number": DASH_NUMBER, "list": DASH_LIST}


async def test_ffmpeg_and_shaka_packager_are_scored_without_a_finding_until_they_die(
    peers: Peers, tmp_path: Path
) -> None:
    """SegmentTimeline, numbers, SegmentList, and one packaging as DASH and HLS, are clean; death is told."""
    root = tmp_path / "root"
    outputs = {root / name / "live.mpd": options for name, options in MUXERS.items()}
    packaged = [root / "shaka" / name for name in ("live.mpd", "live.m3u8")]
    for manifest in (*outputs, *packaged):
        manifest.parent.mkdir(parents=True, exist_ok=True)
    encoder = publish(peers, outputs)
    _, packager = package(peers, root / "shaka")
    await encoder.ready(lambda: all(manifest.exists() for manifest in outputs))
    await packager.ready(lambda: all(manifest.exists() for manifest in packaged))
    server = await nginx(peers, root)
    streams = {name: server.url(f"{name}/live.mpd") for name in MUXERS}
    streams |= {"shaka-dash": server.url("shaka/live.mpd"), "shaka-hls": server.url("shaka/live.m3u8")}
    async with watched(tmp_path, streams) as watch:
        await watch.scored(8, *streams)
        assert watch.said() == []

        encoder.kill()
        packager.kill()
        # A list that does not grow is stale; a number that is due by the clock does not come.
        listed = set(streams) - {"number"}
        for name in listed:
            await watch.alerted(name, "playlist_stale")
        await watch.found("number", "segment_unavailable", "event")

    for name in streams:
        watch.assert_steady(name)
    assert all(watch.reasons(name) == {"playlist_stale"} for name in listed)
