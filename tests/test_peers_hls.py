"""HLS by FFmpeg's muxer, served by nginx: no false alarm, and the exact one when a party fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peer_publishers import HLS, HLS_FMP4, HLS_ONE_FILE, key_file, publish, publish_ladder
from peer_servers import Nginx, nginx
from peers import Peer, Peers, peers  # noqa: F401 - a fixture
from watched import watched

MUXERS = {"ts": HLS, "fmp4": HLS_FMP4, "ranges": HLS_ONE_FILE}


async def published(peers: Peers, root: Path, *names: str) -> tuple[Peer, Nginx]:
    """One encoder whose output `names` of `MUXERS` write to folders behind one nginx."""
    outputs = {root / name / "index.m3u8": MUXERS[name] for name in names}
    for playlist in outputs:
        playlist.parent.mkdir(parents=True)
    publisher = publish(peers, outputs)
    await publisher.ready(lambda: all(playlist.exists() for playlist in outputs))
    return publisher, await nginx(peers, root)


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
    """TS, fMP4 and byte ranges, over HTTP and HTTPS, are scored second by second; a dead encoder is stale."""
    publisher, server = await published(peers, tmp_path / "root", *MUXERS)
    streams = {name: server.url(f"{name}/index.m3u8") for name in MUXERS}
    streams["https"] = server.tls_url("ts/index.m3u8")
    async with watched(tmp_path, streams, http={"ca_file": str(server.ca_file)}) as watch:
        await watch.scored(8, *streams)
        assert watch.said() == []

        publisher.kill()
        for name in streams:
            stale = await watch.found(name, "playlist_stale")
            assert stale["evidence_target_duration_s"] == 2
            await watch.alerted(name, "playlist_stale")

    for name in streams:
        watch.assert_steady(name)
        assert watch.reasons(name) == {"playlist_stale"}
    assert watch.fired() == {(name, "playlist_stale") for name in streams}


async def test_a_ladder_with_its_multivariant_playlist_and_an_encrypted_stream_are_clean(
    peers: Peers, tmp_path: Path
) -> None:
    """FFmpeg's ladder is as it declares itself, its AES-128 is decrypted: scores, and not one finding."""
    (root := tmp_path / "root").mkdir()
    ladder = publish_ladder(peers, root)
    encrypted = publish(peers, {root / "secret.m3u8": HLS | {"hls_key_info_file": key_file(root)}})
    for publisher, playlist in ((ladder, "master.m3u8"), (encrypted, "secret.m3u8")):
        await publisher.ready((root / playlist).exists)
    server = await nginx(peers, root)
    streams = {"ladder": server.url("master.m3u8"), "secret": server.url("secret.m3u8")}
    async with watched(tmp_path, streams) as watch:
        await watch.scored(8, *streams)
        assert watch.said() == []

    assert watch.renditions("ladder") == ["180p-400k", "360p-950k"]
    for name in streams:
        watch.assert_steady(name)


async def test_an_origin_that_goes_away_is_unavailable_until_it_is_back(peers: Peers, tmp_path: Path) -> None:
    """A stopped nginx is `playlist_unavailable` with its error, and when it serves again that is over."""
    _, server = await published(peers, tmp_path / "root", "ts")
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
    _, server = await published(peers, tmp_path / "root", "ts")
    async with watched(tmp_path, {"tv": server.url("ts/index.m3u8")}) as watch:
        await watch.scored(2, "tv")
        async with vanishing(tmp_path / "root/ts"):
            alert = await watch.alerted("tv", "segment_missing")

    missing = next(each for each in watch.events if each["reason"] == "segment_missing")
    assert (missing["evidence_error"], missing["evidence_status"]) == ("status", 404)
    assert (alert["severity"], alert["cause"]) == ("critical", "cdn")
    assert watch.fired() == {("tv", "segment_missing")}
