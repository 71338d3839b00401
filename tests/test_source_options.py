"""Options, selectors and URLs: what config may say, and what may be shown."""

from __future__ import annotations

import pytest

from qoed.checks import CheckSettings
from qoed.errors import SourceError
from qoed.model import Reason, Rendition
from qoed.source import HttpClient, SourceOptions, kind_of, make_source
from qoed.source.address import AddressGuard, AddressRefusedError
from qoed.source.selector import parse_selector
from qoed.source.sniff import is_page, sniff
from qoed.source.url import redact

LADDER = [
    Rendition(id="1080p-5000k", height=1080, width=1920, bandwidth_bps=5_000_000, frame_rate=50.0),
    Rendition(id="720p-2500k", height=720, width=1280, bandwidth_bps=2_500_000, frame_rate=50.0),
    Rendition(id="360p-800k", height=360, width=640, bandwidth_bps=800_000, frame_rate=25.0),
    Rendition(id="variant"),
]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("all", ["1080p-5000k", "720p-2500k", "360p-800k", "variant"]),
        ("top", ["1080p-5000k"]),
        ("720p", ["720p-2500k"]),
        ("height<=720", ["720p-2500k", "360p-800k"]),
        ("height < 720", ["360p-800k"]),
        ("bandwidth>1M", ["1080p-5000k", "720p-2500k"]),
        ("bandwidth>=2500k", ["1080p-5000k", "720p-2500k"]),
        ("fps=25", ["360p-800k"]),
        ("*-2500k", ["720p-2500k"]),
        ("360p, 1080p", ["1080p-5000k", "360p-800k"]),
        ("2160p", []),
    ],
)
def test_selector_chooses_in_ladder_order(text: str, chosen: list[str]) -> None:
    """A selector picks renditions by name, field or glob, and never by what a rendition does not say."""
    assert [rendition.id for rendition in parse_selector(text).choose(LADDER)] == chosen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "renditions: cannot read ''; use all, top, 720p, height<=720, bandwidth>1M or an id glob"),
        (
            "heigth<=720",
            "renditions: unknown field 'heigth' in 'heigth<=720'; known: height, width, bandwidth, fps",
        ),
        ("height<=many", "renditions: 'many' in 'height<=many' is not a number (720, 2500k, 2.5M)"),
        ("720p,", "renditions: cannot read ''"),
        ("TOP", "renditions: cannot read 'TOP'"),
    ],
)
def test_selector_that_makes_no_sense_is_explained(text: str, message: str) -> None:
    """A selector that cannot be read fails at once, with the term and what would do."""
    with pytest.raises(ValueError, match="renditions") as caught:
        SourceOptions(renditions=text)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"pace": "slow"}, "pace must be fast or realtime, not 'slow'"),
        ({"playlist_deadline_s": 0}, "playlist_deadline_s must be above 0"),
        ({"max_pending": 0}, "max_pending must be at least 1"),
        ({"stale_after_s": -1}, "stale_after_s must be above 0"),
        ({"start_segments": 0}, "start_segments must be at least 1"),
        ({"segment_retry_s": -1}, "segment_retry_s must not be negative"),
        ({"segment_deadline_max_s": 1}, "segment_deadline_max_s must not be below segment_deadline_min_s"),
    ],
)
def test_option_out_of_range_is_named(setting: dict[str, object], message: str) -> None:
    """An option that cannot be used is refused by name."""
    with pytest.raises(ValueError, match=r".+") as caught:
        SourceOptions(**setting)  # type: ignore[arg-type]

    assert str(caught.value) == message


def test_limits_follow_the_stream_unless_set() -> None:
    """Staleness and deadlines scale with target and segment duration, within bounds."""
    options = SourceOptions()

    assert options.stale_limit_s(6.0) == 18.0
    assert options.stale_limit_s(1.0) == 6.0
    assert SourceOptions(stale_after_s=2.5).stale_limit_s(6.0) == 2.5
    limits = CheckSettings({Reason.PLAYLIST_STALE: 5.0})
    assert SourceOptions(checks=limits).stale_limit_s(6.0) == 30.0
    assert [options.segment_deadline_s(s) for s in (0.5, 6.0, 60.0)] == [4.0, 12.0, 30.0]


def test_header_values_stay_out_of_repr() -> None:
    """Options in a log show no header, which may be a credential."""
    assert "S3CR3T" not in repr(SourceOptions(headers={"Authorization": "S3CR3T"}))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h.example:8443/a/b.ts?t=1#f", "https://h.example:8443/a/b.ts"),
        ("http://[2001:db8::1]:80/x?y", "http://[2001:db8::1]:80/x"),
        ("http://h:port/x?secret", "(unreadable URL)"),
        ("file:///a/b.ts", "file:///a/b.ts"),
        ("seg.ts?secret", "seg.ts"),
    ],
)
def test_shown_urls_hold_no_secret(url: str, shown: str) -> None:
    """A URL is shown without userinfo, query and fragment."""
    assert redact(url) == shown


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://h/master.m3u8?x=1", "hls"),
        ("https://h/manifest", "detect"),
        ("https://h/manifest.mpd?x=1", "dash"),
        ("https://h/clip.mp4?x=1", "download"),
        ("https://h/still.JPG", "download"),
        ("/media/index.m3u8", "hls"),
        ("file:///media/index.m3u8", "hls"),
        ("/media/clip.mkv", "files"),
        ("/media/segments", "files"),
        ("/media/seg_*.ts", "files"),
        ("what?.ts", "files"),
    ],
)
def test_source_is_picked_by_url(url: str, kind: str) -> None:
    """Playlists, media files behind URLs and local paths each find their source."""
    assert kind_of(url) == kind


async def test_url_that_no_source_reads_is_refused() -> None:
    """An unknown scheme ends in one line, without its credentials, and is not retried."""
    async with HttpClient() as http:
        with pytest.raises(SourceError, match="sources are http") as caught:
            make_source("tv", "mms://user:S3CR3T@h/live?k=S3CR3T", SourceOptions(), http=http)

    assert str(caught.value).startswith("mms://h/live: sources are http(s) URLs")
    assert "S3CR3T" not in str(caught.value)
    assert not caught.value.retryable


async def test_url_with_an_unreadable_host_is_refused() -> None:
    """A URL whose port is no number ends in one line that does not repeat it."""
    async with HttpClient() as http:
        with pytest.raises(SourceError, match="source URL cannot be read: check its host and port"):
            make_source("tv", "https://user:S3CR3T/live.m3u8", SourceOptions(), http=http)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("169.254.169.254", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:a9fe:a9fe::", False),
        ("100.100.100.200", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("0.0.0.0", False),
    ],
)
def test_metadata_link_local_and_multicast_addresses_are_refused(address: str, allowed: bool) -> None:
    """No stream makes qoed talk to cloud metadata, link-local or multicast addresses, however spelled."""
    assert AddressGuard().allows(address) is allowed


def test_guard_refuses_before_a_socket_exists() -> None:
    """The guard acts where the socket is made, so no name or redirect gets around it."""
    with pytest.raises(AddressRefusedError, match=r"169\.254\.169\.254 is not allowed"):
        AddressGuard().socket((2, 1, 6, "", ("169.254.169.254", 80)))


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"G" + bytes(187) + b"G" + bytes(187) + b"G", "mpegts"),
        (b"G" + bytes(100), "mpegts"),
        (b"G" + bytes(400), None),
        (b"\0\0\0\x18ftypiso5", "mp4"),
        (b"\0\0\0\x18styp", "mp4"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\xff\xd8\xff\xe0", "image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_container_is_known_by_content(head: bytes, container: str | None) -> None:
    """The container is read from the bytes, so that the decoder need not guess."""
    assert sniff(head) == container


@pytest.mark.parametrize(
    ("body", "page"),
    [
        (b"<!DOCTYPE html><html>", True),
        (b"\xef\xbb\xbf\n<HTML><body>", True),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', True),
        (b'{"error": "not found"}', True),
        (b"G" + bytes(187), False),
        (b"<7\x9f\x00 encrypted", False),
        (b"\0\0\0\x18styp", False),
        (b"", False),
    ],
)
def test_error_pages_are_told_from_media(body: bytes, page: bool) -> None:
    """HTML, XML and JSON in place of media are known for what they are; encrypted media are not mistaken."""
    assert is_page(body) is page
