"""What reads a URL: by its name, or else by what it answers."""

from __future__ import annotations

from pathlib import Path

import pytest

import mpds as m
import playlists as m3u
from dash_origin import LiveDash, fragment
from hls_run import Run, finished, http, origin, source, ts  # noqa: F401
from origin import LiveOrigin
from qoed.cli.probe import probe
from qoed.errors import ErrorReason, SourceError
from qoed.source import HttpClient, SourceOptions, kind_of
from qoed.source.detect import adaptive_kind

TEXT = m.mpd(m.period(m.video(m.template(), m.rung("hd"))), mediaPresentationDuration="PT4S")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://a.example/x.mpd", "dash"),
        ("https://a.example/x.MPD?token=1", "dash"),
        ("https://a.example/x.m3u8", "hls"),
        ("https://a.example/live", "detect"),
        ("https://a.example/x.isml/manifest", "detect"),
        ("https://a.example/x.mp4", "download"),
        ("/tmp/x.mpd", "dash"),
        ("file:///tmp/x.mpd", "dash"),
    ],
)
def test_names_say_what_they_are(url: str, kind: str) -> None:
    """The suffix decides; without a known one an http URL is looked at."""
    assert kind_of(url) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"#EXTM3U\n", "hls"),
        (b"\xef\xbb\xbf#EXTM3U\n", "hls"),
        (TEXT.encode(), "dash"),
        (b"<!-- made by -->\n<MPD type='static'>", "dash"),
        (b"<dash:MPD xmlns:dash='urn:mpeg:dash:schema:mpd:2011'>", "dash"),
        (b"<html><body>MPD</body></html>", None),
        (b"<MPDX/>", None),
        (b"", None),
        (b"\0\0\0\x18ftyp", None),
    ],
)
def test_answers_say_what_they_are(body: bytes, kind: str | None) -> None:
    """The first bytes tell an HLS playlist and an MPD from everything else."""
    assert adaptive_kind(body) == kind


async def test_a_url_without_a_name_is_dash(origin: LiveOrigin, http: HttpClient) -> None:
    """A URL that answers with an MPD is DASH, and is not asked twice for it."""
    origin.serve("/hd/", lambda name: fragment("hd", 0 if name == "init.mp4" else int(name[:-4])))

    run = await finished(http, origin.put("/watch", TEXT))

    assert [each.sequence for each in run.segments()] == [1, 2]
    assert origin.count("/watch") == 1


async def test_a_url_without_a_name_is_hls(origin: LiveOrigin, http: HttpClient) -> None:
    """A URL that answers with a playlist is HLS, and is not asked twice for it."""
    origin.put("/a.ts", ts(0))
    text = m3u.playlist(m3u.target(2), m3u.inf(2, "a.ts"), m3u.endlist())

    run = await finished(http, origin.put("/watch", text))

    assert [each.container for each in run.segments()] == ["mpegts"]
    assert origin.count("/watch") == 1


async def test_a_url_without_a_name_that_is_neither(origin: LiveOrigin, http: HttpClient) -> None:
    """What is neither is refused in one line, and tried again: it may be an error page that passes."""
    url = origin.put("/watch", "<html>come back later</html>")

    with pytest.raises(SourceError) as caught:
        await finished(http, f"{url}?token=S3CR3T")

    assert str(caught.value) == (
        f"neither an HLS playlist nor a DASH MPD: {url};"
        " set `format: ts` for MPEG-TS without end, `format: file` for a media file"
    )
    assert caught.value.reason is ErrorReason.SOURCE_INVALID
    assert caught.value.retryable


async def test_a_url_without_a_name_and_without_end(origin: LiveOrigin, http: HttpClient) -> None:
    """MPEG-TS that never ends is told from a playlist, and the message says which setting reads it."""
    url = origin.put("/watch", ts(0) * 10)
    origin.fault("/watch", throttle_bps=20_000)

    with pytest.raises(
        SourceError, match=r"neither playlist nor MPD, not complete within 1 s: .*`format: ts`"
    ):
        await finished(http, url)


async def test_a_probe_of_dash(origin: LiveOrigin, http: HttpClient) -> None:
    """`qoed check` lists a DASH ladder and has one segment of each rendition that is watched."""
    live = LiveDash(origin)

    found = await probe("tv", live.url, SourceOptions(renditions="top"), http=http)

    assert found.error is None
    assert [rendition.id for rendition in found.ladder] == ["720p-2500k", "360p-800k"]
    assert found.watched == ["720p-2500k"]
    assert list(found.segments) == ["720p-2500k"]


async def test_a_probe_of_what_has_no_name(origin: LiveOrigin, http: HttpClient) -> None:
    """`qoed check` sees what a URL is by its answer, too."""
    live = LiveDash(origin)
    url = origin.put("/watch", lambda: live.text().replace("<Period", "<BaseURL>/live/</BaseURL><Period", 1))

    found = await probe("tv", url, SourceOptions(), http=http)

    assert found.error is None
    assert sorted(found.segments) == ["360p-800k", "720p-2500k"]


async def test_a_probe_of_a_broken_mpd(origin: LiveOrigin, http: HttpClient) -> None:
    """`qoed check` shows the MPD's fault in one line."""
    found = await probe("tv", origin.put("/x.mpd", "<MPD/>"), SourceOptions(), http=http)

    assert found.error == f"MPD invalid, it has no Period: {origin.url('/x.mpd')}"


async def test_a_local_mpd(tmp_path: Path, http: HttpClient) -> None:
    """An MPD on disk is played from its folder."""
    (tmp_path / "hd").mkdir()
    for number in (1, 2):
        (tmp_path / "hd" / f"{number}.m4s").write_bytes(fragment("hd", number))
    (tmp_path / "hd" / "init.mp4").write_bytes(b"\0\0\0\x18ftyp" + bytes(16))
    (tmp_path / "x.mpd").write_text(TEXT)

    run: Run = await finished(http, str(tmp_path / "x.mpd"))

    assert [each.data for each in run.segments()] == [fragment("hd", 1), fragment("hd", 2)]
    assert run.findings() == []
