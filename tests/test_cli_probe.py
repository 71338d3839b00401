"""`qoed check` looks at each stream as the daemon would, on a real origin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from origin import LiveOrigin
from qoed.cli.probe import probe
from qoed.source import HttpClient, SourceOptions

LADDER: dict[str, dict[str, object]] = {
    "720": {"bandwidth": 2_500_000, "resolution": "1280x720"},
    "360": {"bandwidth": 800_000, "resolution": "640x360"},
}


def packets(sequence: int) -> bytes:
    """Something with the shape of MPEG-TS; probing does not decode."""
    return (b"G" + bytes([sequence % 256]) * 187) * 20


@pytest.fixture
async def origin() -> AsyncIterator[LiveOrigin]:
    """A live ladder of two renditions."""
    async with LiveOrigin() as origin:
        for name in LADDER:
            origin.add_live(name, packets, segment_s=1.0)
        origin.add_master(LADDER)
        yield origin


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """The daemon's own client."""
    async with HttpClient() as client:
        yield client


async def test_every_rendition_yields_a_segment(origin: LiveOrigin, http: HttpClient) -> None:
    """A healthy ladder is listed, and one segment of each rendition arrives."""
    found = await probe("news", origin.url("/master.m3u8"), SourceOptions(), http=http)

    assert found.error is None
    assert sorted(rendition.height or 0 for rendition in found.ladder) == [360, 720]
    assert set(found.segments) == set(found.watched)
    assert all(segment.size == 20 * 188 for segment in found.segments.values())


async def test_only_watched_renditions_are_asked_for(origin: LiveOrigin, http: HttpClient) -> None:
    """A stream that watches the top rendition is fine when that one is, and shows the rest as not watched."""
    origin.fault("/360/*", status=404)

    found = await probe("news", origin.url("/master.m3u8"), SourceOptions(renditions="top"), http=http)

    assert found.error is None
    assert len(found.ladder) == 2
    assert len(found.segments) == 1


async def test_one_dead_rendition_is_named(origin: LiveOrigin, http: HttpClient) -> None:
    """A ladder with a rendition that yields nothing is not called healthy, and the rendition is named."""
    origin.fault("/360/*.ts", status=404)

    found = await probe("news", origin.url("/master.m3u8"), SourceOptions(), http=http, timeout_s=3)

    assert found.error is not None
    assert found.missing == [name for name in found.watched if "360" in name]
    assert found.missing[0] in found.error


async def test_unreachable_stream(http: HttpClient) -> None:
    """An origin that is not there is reported in one line without the URL's secrets."""
    url = "http://user:S3CR3T@127.0.0.1:9/live.m3u8?token=S3CR3T"
    found = await probe("news", url, SourceOptions(), http=http, timeout_s=5)

    assert found.error
    assert "S3CR3T" not in found.error
    assert "\n" not in found.error


async def test_missing_playlist(origin: LiveOrigin, http: HttpClient) -> None:
    """A playlist that answers 404 says so."""
    found = await probe("news", origin.url("/nothing.m3u8"), SourceOptions(), http=http, timeout_s=5)

    assert "404" in (found.error or "")


async def test_playlist_without_ladder(origin: LiveOrigin, http: HttpClient) -> None:
    """A media playlist is a stream of one rendition."""
    found = await probe("news", origin.url("/720/index.m3u8"), SourceOptions(), http=http)

    assert found.error is None
    assert found.ladder == []
    assert list(found.segments) == ["main"]


async def test_file_that_is_not_there(http: HttpClient, tmp_path: Path) -> None:
    """A path without a file behind it is named."""
    found = await probe("clip", str(tmp_path / "no.mp4"), SourceOptions(), http=http, timeout_s=5)

    assert "no.mp4" in (found.error or "")
