"""Playlists broken in one way each in what they say, the exact finding, and nothing else."""

from __future__ import annotations

import pytest

import playlists as m3u
from following import RUNG, Found, checks, found, parsed
from live_lists import daterange, live, vod
from qoed.model import Phase, Reason

EVENT, START = Phase.EVENT, Phase.START


def one(reason: Reason, phase: Phase, value: float | None = None) -> list[Found]:
    """The one finding, of the one rendition."""
    return [(reason, phase, RUNG.id, value)]


UNREADABLE = {
    "empty": "",
    "a page": "<html>404 Not Found</html>",
    "no header": live(0).removeprefix("#EXTM3U\n"),
    "no target duration": live(0).replace(m3u.target(2) + "\n", ""),
    "target duration of zero": live(0, target=0),
    "target duration no number": live(0, target="two"),
    "EXTINF no number": live(0, lasts={3: "two"}),
    "EXTINF negative": live(0, lasts={3: -2}),
    "media sequence no number": live(0).replace(m3u.sequence(0), m3u.sequence("x")),
    "byte range without offset": live(0, tags={0: m3u.byterange(100)}),
    "key without method": live(0, tags={0: m3u.tag("KEY", uri=m3u.quoted("k"))}),
    "local file": live(0, names={2: "file:///etc/passwd"}),
    "variants and segments": live(0, tail=[m3u.variant("v.m3u8", 1000)]),
    "ended without a segment": m3u.playlist(m3u.target(2), m3u.endlist()),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_invalid(text: str) -> None:
    """A playlist that cannot be used is invalid at once, and nothing else."""
    assert found(text) == one(Reason.PLAYLIST_INVALID, START)


AES = {"method": "AES-128", "uri": m3u.quoted("k")}

LASTING = {
    # name: (playlist, reason, value)
    "decimal EXTINF, no version": (vod(version=None), Reason.VERSION_TOO_LOW, 3.0),
    "decimal EXTINF, version 2": (vod(version=2), Reason.VERSION_TOO_LOW, 3.0),
    "IV, no version": (
        vod(version=None, seconds=2, tags={0: m3u.key("AES-128", "k", "0x1")}),
        Reason.VERSION_TOO_LOW,
        2.0,
    ),
    "byte ranges, version 3": (
        vod(1, version=3, tags={0: m3u.byterange(100, 0)}),
        Reason.VERSION_TOO_LOW,
        4.0,
    ),
    "key format, version 4": (
        vod(version=4, tags={0: m3u.tag("KEY", **AES, keyformat=m3u.quoted("identity"))}),
        Reason.VERSION_TOO_LOW,
        5.0,
    ),
    "init section, version 5": (vod(version=5, tags={0: m3u.ext_map("i.mp4")}), Reason.VERSION_TOO_LOW, 6.0),
    "variables, version 7": (
        vod(version=7, head=[m3u.define(name="a", value="b")]),
        Reason.VERSION_TOO_LOW,
        8.0,
    ),
    "method not defined": (
        vod(tags={0: m3u.tag("KEY", method="AES-256", uri=m3u.quoted("k"))}),
        Reason.ENCRYPTION_INVALID,
        1.0,
    ),
    "key without URI": (vod(tags={0: m3u.key("AES-128")}), Reason.ENCRYPTION_INVALID, 1.0),
    "no encryption, with URI": (vod(tags={0: m3u.key("NONE", "k")}), Reason.ENCRYPTION_INVALID, 1.0),
    "IV no number": (
        vod(tags={0: m3u.tag("KEY", **AES, iv="12")}),
        Reason.ENCRYPTION_INVALID,
        1.0,
    ),
    "key format versions no list": (
        vod(tags={0: m3u.tag("KEY", **AES, keyformatversions=m3u.quoted("a"))}),
        Reason.ENCRYPTION_INVALID,
        1.0,
    ),
    "encrypted init section without IV": (
        vod(tags={0: (m3u.key("AES-128", "k"), m3u.ext_map("i.mp4"))}),
        Reason.ENCRYPTION_INVALID,
        1.0,
    ),
    "URI without EXTINF": (vod(tags={2: "stray.ts"}), Reason.PLAYLIST_MALFORMED, 1.0),
    "sequence after the first segment": (vod(tags={2: m3u.sequence(0)}), Reason.PLAYLIST_MALFORMED, 1.0),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "value"), LASTING.values(), ids=LASTING)
def test_what_breaks_a_rule_lasts(text: str, reason: Reason, value: float) -> None:
    """A broken rule of the playlist as a whole is one finding that begins."""
    assert found(text) == one(reason, START, value)


EVENTS = {
    "EXTINF above the target": (vod(lasts={3: 2.5}), Reason.TARGET_DURATION_EXCEEDED, 2.5),
    "oddly short segment": (vod(12, lasts={8: 0.9}), Reason.SEGMENT_SHORT, 0.9),
    "gap": (vod(tags={3: m3u.gap()}), Reason.SEGMENT_GAP, None),
    "date jumps ahead": (
        vod(dated=True, dates=dict.fromkeys(range(3, 6), 5.0)),
        Reason.DATE_TIME_JUMP,
        5.0,
    ),
    "date jumps back": (
        vod(dated=True, dates=dict.fromkeys(range(3, 6), -1.5)),
        Reason.DATE_TIME_JUMP,
        -1.5,
    ),
    "date range without ID": (
        vod(dated=True, tags={2: m3u.tag("DATERANGE", start_date=m3u.quoted(m3u.moment(4)))}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
    "date range without start": (
        vod(dated=True, tags={2: m3u.tag("DATERANGE", id=m3u.quoted("a"))}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
    "date range that ends before it starts": (
        vod(dated=True, tags={2: daterange("a", 4, end_date=m3u.quoted(m3u.moment(2)))}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
    "date range of negative duration": (
        vod(dated=True, tags={2: daterange("a", 4, duration=-1)}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
    "date range with two ends": (
        vod(dated=True, tags={2: daterange("a", 4, duration=4, end_date=m3u.quoted(m3u.moment(9)))}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
    "date range that ends on the next of no class": (
        vod(dated=True, tags={2: daterange("a", 4, end_on_next="YES")}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
    "date range of a playlist without dates": (
        vod(tags={2: daterange("a", 4, duration=4)}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
    "splice that is none": (
        vod(dated=True, tags={2: daterange("a", 4, scte35_cmd="0x0102030405")}),
        Reason.DATE_RANGE_INVALID,
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "value"), EVENTS.values(), ids=EVENTS)
def test_what_happens_once_is_one_event(text: str, reason: Reason, value: float | None) -> None:
    """A fault at one place of the playlist is one event."""
    assert found(text) == one(reason, EVENT, value)


def test_limits_of_the_configuration_decide() -> None:
    """The catalogue's limits are those of the stream's `checks:`, and what is off is not found."""
    long, short = vod(lasts={3: 2.5}), vod(12, lasts={8: 0.9})

    assert found(long, target_duration_exceeded=1.0) == []
    assert found(long, target_duration_exceeded=False) == []
    assert found(short, segment_short=0.4) == []


def test_floods_are_cut_and_counted() -> None:
    """Of one kind, one load makes 32 events at most; the next of the kind says how many were left out."""
    follow = checks()
    flood = follow.loaded(parsed(live(0, 60, tags=dict.fromkeys(range(60), m3u.gap()))), 0.0, None).findings
    more = live(0, 100, tags=dict.fromkeys(range(100), m3u.gap()))
    findings = [*flood, *follow.loaded(parsed(more), 2.0).findings]
    last = follow.loaded(parsed(live(0, 101, tags={100: m3u.gap()})), 4.0).findings

    assert len(findings) == 3 + 32
    assert [one.evidence.get("left_out") for one in last] == [8]


GROUPS = {
    "variant without its group": [m3u.variant("v.m3u8", 1000, audio=m3u.quoted("none"))],
    "group without a name": [
        m3u.tag("MEDIA", type="AUDIO", group_id=m3u.quoted("a"), uri=m3u.quoted("a.m3u8")),
        m3u.variant("v.m3u8", 1000, audio=m3u.quoted("a")),
    ],
    "two of one name": [
        m3u.tag("MEDIA", type="AUDIO", group_id=m3u.quoted("a"), name=m3u.quoted("x"), uri=m3u.quoted("1")),
        m3u.tag("MEDIA", type="AUDIO", group_id=m3u.quoted("a"), name=m3u.quoted("x"), uri=m3u.quoted("2")),
        m3u.variant("v.m3u8", 1000, audio=m3u.quoted("a")),
    ],
}


@pytest.mark.parametrize("lines", GROUPS.values(), ids=GROUPS)
def test_broken_rendition_groups_are_the_stream_s(lines: list[str]) -> None:
    """Groups that break the rules are one finding of the stream, which ends when they are mended."""
    broken, mended = m3u.playlist(*lines), m3u.playlist(m3u.variant("v.m3u8", 1000))

    assert found(broken, broken, mended) == [
        (Reason.RENDITION_GROUP_INVALID, START, None, 1.0),
        (Reason.RENDITION_GROUP_INVALID, Phase.END, None, 4.0),
    ]
