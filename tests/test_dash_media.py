"""Presentations that FFmpeg's own muxers wrote, read from disk and over HTTP, down to decoded pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

import mpds as m
from dash_media import (
    RATE,
    dash,
    first_time_s,
    on_demand_mp4,
    on_demand_mpd,
    on_demand_webm,
    pictures,
    segment_names,
)
from hls_run import Run, finished, http, origin, source  # noqa: F401
from origin import LiveOrigin
from qoed.model import Finding, Reason
from qoed.source import HttpClient

TOP, LOW = "180p-400k", "90p-150k"


def findings(run: Run) -> list[Finding]:
    """Findings, without those of our own timing on a busy machine."""
    return [one for one in run.findings() if one.reason not in (Reason.SEGMENT_SLOW, Reason.THROUGHPUT_LOW)]


def check_pictures(run: Run, name: str, seconds: int) -> None:
    """One segment a second, each of which decodes from its first picture on."""
    found = run.segments(name)
    assert [each.duration_s for each in found] == pytest.approx([1.0] * seconds)
    assert [each.media_time_s for each in found] == pytest.approx([float(at) for at in range(seconds)])
    assert [pictures(each.container, each.init + each.data) for each in found] == [RATE] * seconds
    times = [first_time_s(each.container, each.init + each.data) for each in found]
    assert times == pytest.approx([times[0] + at for at in range(seconds)], abs=0.002)


@pytest.mark.parametrize(
    "options",
    [
        {"use_timeline": "1", "use_template": "1"},
        {"use_timeline": "0", "use_template": "1"},
        {"use_timeline": "1", "use_template": "0"},
        {"single_file": "1"},
        {"single_file": "1", "global_sidx": "1"},
    ],
    ids=lambda options: " ".join(f"{key}={value}" for key, value in options.items()),
)
async def test_ffmpegs_presentations_are_read(
    tmp_path: Path, http: HttpClient, options: dict[str, str]
) -> None:
    """Templates, lists, byte ranges: what FFmpeg writes is fetched to the end, and every picture decodes."""
    path = dash(tmp_path, **options)

    run = await finished(http, str(path))

    assert {each.rendition.id for each in run.segments()} == {TOP, LOW, "audio-128k"}
    check_pictures(run, TOP, 3)
    check_pictures(run, LOW, 3)
    sound = run.segments("audio-128k")
    assert sum(each.duration_s for each in sound) == pytest.approx(3.0, abs=0.1)
    assert all(each.rendition.audio_only for each in sound)
    assert all(each.rendition.separate_audio for each in run.segments(TOP))
    assert findings(run) == []


async def test_every_file_is_asked_for(tmp_path: Path, http: HttpClient) -> None:
    """The segments of a presentation are the very files that the muxer wrote, and all of them."""
    path = dash(tmp_path, use_timeline="1")
    written = b"".join(
        (tmp_path / name).read_bytes() for name in segment_names(tmp_path, r"chunk-stream0-.*")
    )

    run = await finished(http, str(path))

    assert b"".join(each.data for each in run.segments(TOP)) == written
    assert {each.init for each in run.segments(TOP)} == {(tmp_path / "init-stream0.m4s").read_bytes()}


async def test_webm_is_read(tmp_path: Path, http: HttpClient) -> None:
    """VP9 in WebM: an init section and clusters, as the decoder wants them."""
    path = dash(tmp_path, codec="libvpx-vp9", sound="libopus", dash_segment_type="webm")

    run = await finished(http, str(path), renditions="top")

    found = run.segments(TOP)
    assert {each.container for each in found} == {"matroska"}
    assert [pictures(each.container, each.init + each.data) for each in found] == [RATE] * 3
    assert findings(run) == []


async def test_a_single_file_with_sidx(tmp_path: Path, origin: LiveOrigin, http: HttpClient) -> None:
    """SegmentBase: the index is fetched by its range, then each segment by its own."""
    data, index = on_demand_mp4(tmp_path)
    origin.put("/v.mp4", data)
    url = origin.put("/v.mpd", on_demand_mpd("v.mp4", "video/mp4", (0, index[0] - 1), index))

    run = await finished(http, url)

    check_pictures(run, TOP, 3)
    assert all(each.data in data for each in run.segments())
    ranges = [request.headers.get("Range") for request in origin.requests if request.path == "/v.mp4"]
    assert ranges[0] == f"bytes={index[0]}-{index[1]}"
    assert len(ranges) == 5  # index, three segments, one init section
    assert findings(run) == []


async def test_a_single_webm_file_with_cues(tmp_path: Path, origin: LiveOrigin, http: HttpClient) -> None:
    """SegmentBase of WebM: Cues say where the clusters lie."""
    data, init, cues = on_demand_webm(tmp_path)
    origin.put("/v.webm", data)
    url = origin.put("/v.mpd", on_demand_mpd("v.webm", "video/webm", init, cues))

    run = await finished(http, url)

    assert sum(pictures(each.container, each.init + each.data) for each in run.segments()) == 3 * RATE
    assert {each.container for each in run.segments()} == {"matroska"}
    assert sum(each.duration_s for each in run.segments()) == pytest.approx(3.0, abs=0.05)
    assert findings(run) == []


@pytest.mark.parametrize("length", ["PT3S", None])
async def test_a_file_without_an_index(
    tmp_path: Path, origin: LiveOrigin, http: HttpClient, length: str | None
) -> None:
    """A Representation that is one file and no more is one segment, fetched once."""
    data, _ = on_demand_mp4(tmp_path)
    origin.put("/v.mp4", data)
    rung = m.rung("v", 400_000, "320x180", m.base("v.mp4"))
    url = origin.put("/v.mpd", m.mpd(m.period(m.video(rung)), mediaPresentationDuration=length))

    run = await finished(http, url)

    assert [each.data for each in run.segments()] == [data]
    assert pictures("mp4", data) == 3 * RATE
    assert findings(run) == []


@pytest.mark.parametrize(
    ("index", "what"),
    [
        ((0, 99), "the index range holds no sidx box"),
        ((10**9, 10**9 + 9), "asked for 10 bytes at 1000000000, got 0"),
    ],
)
async def test_an_index_that_is_none(
    tmp_path: Path, origin: LiveOrigin, http: HttpClient, index: tuple[int, int], what: str
) -> None:
    """Without its index a single file cannot be followed, which is one missing index and no crash."""
    origin.put("/v.mp4", on_demand_mp4(tmp_path, 1.0)[0])
    url = origin.put("/v.mpd", on_demand_mpd("v.mp4", "video/mp4", (0, 9), index))

    run = await finished(http, url)

    (finding,) = run.findings()
    assert finding.reason is Reason.SEGMENT_MISSING
    assert finding.evidence["what"] == "index"
    assert what in finding.message
    assert run.segments() == []


async def test_a_local_mpd_stays_in_its_folder(tmp_path: Path, http: HttpClient) -> None:
    """An MPD on disk cannot name files outside of its folder."""
    path = dash(tmp_path, seconds=1.0)
    text = path.read_text().replace("chunk-stream", "../../../../etc/passwd-")
    path.write_text(text)

    run = await finished(http, str(path), renditions="top")

    assert run.segments() == []
    assert {finding.reason for finding in run.findings()} == {Reason.SEGMENT_MISSING}
    assert "outside of the playlist's folder" in run.findings()[0].message
