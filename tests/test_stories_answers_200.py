"""Streams whose every answer is 200 and whose every playlist is valid, and that are broken all the same.

The whole daemon with a real origin, real decode workers and a real Redis; a live ladder of two renditions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import media
from origin import LiveOrigin
from story_media import programme
from watched import Watched, watched

LADDER = {"hd": (320, 180, 400_000), "sd": (160, 90, 200_000)}
"""Name: width, height, bit rate of the picture."""
WELL_S, ALL_S = 12, 32
"""Faults begin after so many segments of one second; and so long is a programme."""
ERROR_PAGE = b"<!DOCTYPE html><html><head><title>Oops</title></head><body>Come back later.</body></html>"


@pytest.fixture
async def origin() -> AsyncIterator[LiveOrigin]:
    """A running origin."""
    async with LiveOrigin() as running:
        yield running


def rungs(*parts: tuple[float, media.Scene]) -> dict[str, list[bytes]]:
    """Segments of each rung that show `parts`, `(until_s, scene)`."""
    return {
        name: programme(ALL_S, *parts, width=width, height=height, bit_rate=rate)
        for name, (width, height, rate) in LADDER.items()
    }


def live(origin: LiveOrigin, segments: dict[str, Callable[[int], bytes]]) -> str:
    """The ladder live, each rung by what `segments` gives for a sequence number; returns its URL."""
    for name, of in segments.items():
        origin.add_live(name, of, segment_s=1.0, first=3)
    return origin.add_master(
        {
            name: {
                "bandwidth": 3 * rate,
                "resolution": f"{width}x{height}",
                "FRAME_RATE": "25.000",
            }
            for name, (width, height, rate) in LADDER.items()
        }
    )


@asynccontextmanager
async def watching(folder: Path, url: str) -> AsyncIterator[Watched]:
    """The daemon on the ladder, once it has given scores and not one finding."""
    async with watched(folder, {"tv": url}) as watch:
        await watch.scored(2, "tv")
        assert watch.said() == []
        yield watch


async def test_a_black_picture_at_a_valid_playlist_is_the_source(origin: LiveOrigin, tmp_path: Path) -> None:
    """All renditions turn black: `black` fires with the source as cause, no score is 0, and it ends."""
    shown = rungs((WELL_S, media.moving), (WELL_S + 6, media.black), (ALL_S, media.moving))
    url = live(origin, {name: segments.__getitem__ for name, segments in shown.items()})
    async with watching(tmp_path, url) as watch:
        alert = await watch.alerted("tv", "black")
        await watch.alerted("tv", "black", "resolved")

    assert (alert["severity"], alert["cause"]) == ("critical", "source")
    assert watch.fired() == {("tv", "black")}
    dark = [each for each in watch.scores if WELL_S + 1 < each["media_time_s"] + 6 < WELL_S + 5]
    assert all(each["score"] is None and each["reason"] == "black" for each in dark)


@pytest.mark.parametrize(
    ("body", "said"), [(b"", "empty body"), (ERROR_PAGE, "not media")], ids=["nothing", "error page"]
)
async def test_segments_without_media_are_missing(
    origin: LiveOrigin, tmp_path: Path, body: bytes, said: str
) -> None:
    """Segments that answer 200 with nothing, or with an error page, are missing, and the CDN is the cause."""
    shown = rungs()
    url = live(origin, {name: segments.__getitem__ for name, segments in shown.items()})
    async with watching(tmp_path, url) as watch:
        fault = origin.fault("/*.ts", body=body)
        alert = await watch.alerted("tv", "segment_missing")
        origin.clear(fault)
        seconds = len(watch.scores)
        await watch.until(lambda: len(watch.scores) > seconds + 2)

    assert (alert["severity"], alert["cause"]) == ("critical", "cdn")
    missing = [each for each in watch.events if each["reason"] == "segment_missing"]
    assert {each["rendition"] for each in missing} == set(watch.renditions("tv"))
    assert all(said in each["message"] for each in missing)
    assert watch.fired("critical") == {("tv", "segment_missing")}


async def test_an_error_page_for_a_playlist_makes_it_invalid(origin: LiveOrigin, tmp_path: Path) -> None:
    """An error page that comes with 200 in place of the playlists is `playlist_invalid`, until it is gone."""
    url = live(origin, {name: segments.__getitem__ for name, segments in rungs().items()})
    async with watching(tmp_path, url) as watch:
        fault = origin.fault("/*/index.m3u8", body=ERROR_PAGE)
        alert = await watch.alerted("tv", "playlist_invalid")
        origin.clear(fault)
        await watch.alerted("tv", "playlist_invalid", "resolved")

    assert alert["severity"] == "critical"
    assert watch.fired("critical") == {("tv", "playlist_invalid")}


async def test_a_picture_frozen_at_normal_bit_rate_is_the_source(origin: LiveOrigin, tmp_path: Path) -> None:
    """All renditions show one picture at an unchanged bit rate: `freeze` fires, the source as cause."""
    shown = rungs((WELL_S, media.moving), (WELL_S + 7, media.frozen), (ALL_S, media.moving))
    url = live(origin, {name: segments.__getitem__ for name, segments in shown.items()})
    async with watching(tmp_path, url) as watch:
        alert = await watch.alerted("tv", "freeze")
        await watch.alerted("tv", "freeze", "resolved")

    for segments in shown.values():
        moving, frozen = (sum(map(len, segments[at : at + 4])) for at in (WELL_S - 6, WELL_S + 2))
        assert frozen / moving == pytest.approx(1, abs=0.1)
    assert (alert["severity"], alert["cause"]) == ("critical", "source")
    assert watch.fired() == {("tv", "freeze")}


async def test_one_frozen_rendition_is_the_encoder(origin: LiveOrigin, tmp_path: Path) -> None:
    """One rendition freezes and the other goes on: `freeze` fires with the encoder as cause."""
    shown = rungs()
    stuck = rungs((WELL_S, media.moving), (ALL_S, media.frozen))["sd"]
    url = live(origin, {"hd": shown["hd"].__getitem__, "sd": stuck.__getitem__})
    async with watching(tmp_path, url) as watch:
        alert = await watch.alerted("tv", "freeze")

    assert (alert["severity"], alert["cause"]) == ("critical", "encoder")
    assert {each["rendition"] for each in watch.events} == {"90p-600k"}
    assert watch.fired("critical") == {("tv", "freeze")}


async def test_the_same_segment_served_again_is_the_packager(origin: LiveOrigin, tmp_path: Path) -> None:
    """New names bring the bytes of earlier segments: `segment_repeated` fires, the packager as cause."""

    def again(segments: list[bytes]) -> Callable[[int], bytes]:
        return lambda number: segments[min(number, WELL_S - (WELL_S - number) % 3)]

    url = live(origin, {name: again(segments) for name, segments in rungs().items()})
    async with watching(tmp_path, url) as watch:
        alert = await watch.alerted("tv", "segment_repeated")

    repeated = [each for each in watch.events if each["reason"] == "segment_repeated"]
    assert {each["rendition"] for each in repeated} == set(watch.renditions("tv"))
    assert (alert["severity"], alert["cause"]) == ("critical", "packager")
    assert watch.fired("critical") == {("tv", "segment_repeated")}


async def test_two_variants_swapped_are_the_packager(origin: LiveOrigin, tmp_path: Path) -> None:
    """Two variants that carry each other's media are `resolution_off`, both, with the packager as cause."""
    shown = rungs()
    url = live(origin, {"hd": shown["sd"].__getitem__, "sd": shown["hd"].__getitem__})
    async with watched(tmp_path, {"tv": url}) as watch:
        alert = await watch.alerted("tv", "resolution_off")
        await watch.scored(4, "tv")

    off = [each for each in watch.events if each["reason"] == "resolution_off" and each["phase"] == "start"]
    assert sorted(each["rendition"] for each in off) == watch.renditions("tv")
    assert (alert["severity"], alert["cause"]) == ("critical", "packager")
    assert watch.fired("critical") == {("tv", "resolution_off")}
