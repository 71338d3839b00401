"""HLS by FFmpeg's muxer, served by nginx: no false alarm, and the exact one when a party fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peer_publishers import HLS, HLS_FMP4, HLS_ONE_FILE, encrypted, publish, publish_ladder
from peer_servers import Nginx, nginx
from peers import Peers, peers  # noqa: F401 - a fixture
from watched import watched


async def served(peers: Peers, root: Path) -> Nginx:
    """nginx in front of a live playlist, `ts/index.m3u8`."""
    playlist = root / "ts/index.m3u8"
    playlist.parent.mkdir(parents=True)
    publisher = publish(peers, {playlist: HLS})
    await publisher.ready(playlist.exists)
    return await nginx(peers, root)


@asynccontextmanager
async def vanishing(folder: Path) -> AsyncIterator[None]:
    """Delete every segment in `folder` as soon as it is written."""

    async def delete() -> None:
        while True:
            for segment in folder.glob("*.ts"):
                segment.unlink(missing_ok=True)
            await asyncio.sleep(0.05)

    deleting = asyncio.create_task(delete())
    try:
        yield
    finally:
        deleting.cancel()


async def test_ffmpeg_hls_is_scored_without_a_finding_until_the_encoder_dies(
    peers: Peers, tmp_path: Path
) -> None:
    """TS, fMP4, byte ranges, AES-128, a ladder, HTTPS: scores and no finding; a dead encoder is stale."""
    root = tmp_path / "root"
    muxers = {"ts": HLS, "fmp4": HLS_FMP4, "ranges": HLS_ONE_FILE, "secret": encrypted(peers.folder)}
    outputs = {root / name / "index.m3u8": muxer for name, muxer in muxers.items()}
    for playlist in (*outputs, root / "ladder/master.m3u8"):
        playlist.parent.mkdir(parents=True)
    publishers = [publish(peers, outputs), publish_ladder(peers, root / "ladder")]
    (root / "secret/secret.key").write_bytes((peers.folder / "secret.key").read_bytes())
    for publisher, playlists in zip(publishers, (outputs, [root / "ladder/0.m3u8"]), strict=True):
        await publisher.ready(lambda playlists=playlists: all(playlist.exists() for playlist in playlists))
    server = await nginx(peers, root)
    streams = {name: server.url(f"{name}/index.m3u8") for name in muxers}
    streams |= {"https": server.tls_url("ts/index.m3u8"), "ladder": server.url("ladder/master.m3u8")}
    async with watched(tmp_path, streams, http={"ca_file": str(server.ca_file)}) as watch:
        await watch.scored(8, *streams)
        assert watch.said() == []

        for publisher in publishers:
            publisher.kill()
        for name in streams:
            stale = await watch.found(name, "playlist_stale")
            assert stale["evidence_target_duration_s"] == 2
            await watch.alerted(name, "playlist_stale")

    assert watch.renditions("ladder") == ["180p-400k", "360p-950k"]
    for name in streams:
        watch.assert_steady(name)
        assert watch.reasons(name) == {"playlist_stale"}
    assert watch.fired() == {(name, "playlist_stale") for name in streams}


async def test_an_origin_that_goes_away_is_unavailable_until_it_is_back(peers: Peers, tmp_path: Path) -> None:
    """A stopped nginx is `playlist_unavailable` with its error, and when it serves again that is over."""
    server = await served(peers, tmp_path / "root")
    async with watched(tmp_path, {"tv": server.url("ts/index.m3u8")}) as watch:
        await watch.scored(2, "tv")
        server.stop()
        away = await watch.found("tv", "playlist_unavailable")
        alert = await watch.alerted("tv", "playlist_unavailable")
        await server.start()
        await watch.found("tv", "playlist_unavailable", "end")
        await watch.alerted("tv", "playlist_unavailable", "resolved")
        seconds = len(watch.scores)
        await watch.until(lambda: len(watch.scores) > seconds)

    assert (away["evidence_error"], away["value"], away["unit"]) == ("connect", 2, "failures")
    assert (alert["severity"], alert["cause"]) == ("critical", "cdn")
    assert watch.reasons() <= {"playlist_unavailable", "segment_missing"}


async def test_segments_that_are_deleted_too_early_are_missing(peers: Peers, tmp_path: Path) -> None:
    """Segments that the playlist lists and the server has no more are `segment_missing`, with the 404."""
    server = await served(peers, tmp_path / "root")
    async with watched(tmp_path, {"tv": server.url("ts/index.m3u8")}) as watch:
        await watch.scored(2, "tv")
        async with vanishing(tmp_path / "root/ts"):
            alert = await watch.alerted("tv", "segment_missing")

    missing = next(each for each in watch.events if each["reason"] == "segment_missing")
    assert (missing["evidence_error"], missing["evidence_status"]) == ("status", 404)
    assert (alert["severity"], alert["cause"]) == ("critical", "cdn")
    assert watch.fired() == {("tv", "segment_missing")}
