"""Delta updates: merged they say what the full playlist says, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ll_media
import playlists as m3u
from hls_run import Run, http, source  # noqa: F401 - fixtures
from ll_media import Coded
from ll_origin import LowLatencyOrigin, Packager
from ll_run import holes, origin, publish, until_edge  # noqa: F401 - fixtures
from qoed.model import Phase, Reason
from qoed.source import HttpClient
from qoed.source.hls.delta import DeltaError, merge
from qoed.source.hls.model import MediaPlaylist
from qoed.source.hls.playlist import parse_playlist

URL = "http://o/hd/index.m3u8"
NOTHING = Coded("m4s", b"init", (tuple((b"", True) for _ in range(3)),))


def read(text: str, before: MediaPlaylist | None = None) -> MediaPlaylist:
    found = parse_playlist(text.encode(), URL, before=before)
    assert isinstance(found, MediaPlaylist)
    return found


TAGS: dict[str, Callable[[int], str]] = {
    "key": lambda number: m3u.key("AES-128", f"k{number}"),
    "no key": lambda _number: m3u.key("NONE"),
    "map": lambda number: m3u.ext_map(f"{number}.mp4"),
    "bitrate": lambda number: m3u.tag("BITRATE", 1000 + number),
    "gap": lambda _number: m3u.gap(),
    "cue": lambda _number: m3u.tag("CUE-OUT", 30),
}


@settings(max_examples=200, deadline=None)
@given(
    first=st.integers(0, 50),
    window=st.integers(7, 20),
    total=st.integers(0, 90),
    later=st.integers(0, 60),
    marks=st.dictionaries(
        st.integers(0, 100), st.lists(st.sampled_from(sorted(TAGS)), max_size=2), max_size=12
    ),
    discontinuities=st.frozensets(st.integers(0, 100), max_size=6),
    dated=st.booleans(),
    byte_ranges=st.booleans(),
)
def test_merged_update_equals_the_full_playlist(
    first: int,
    window: int,
    total: int,
    later: int,
    marks: dict[int, list[str]],
    discontinuities: frozenset[int],
    dated: bool,
    byte_ranges: bool,
) -> None:
    """Whatever tags stand in what an update skips, the merge is the playlist that a full load would bring."""
    packager = Packager(
        "hd",
        NOTHING,
        first=first,
        window=window,
        total=total,
        dated=dated,
        discontinuities=discontinuities,
        before=lambda number: [TAGS[mark](number) for mark in marks.get(number, [])],
        byte_ranges=byte_ranges,
    )
    before = read(packager.text())
    packager.total += later
    full = read(packager.text())
    update = read(packager.text(skip=True), before)
    ends = {segment.sequence for segment in before.segments if segment.complete}
    missed = set(range(full.media_sequence, update.media_sequence)) - ends
    if missed:
        with pytest.raises(DeltaError):
            merge(update, before)
        return
    merged = merge(update, before)

    started = {segment.sequence for segment in before.segments}
    for one, other in zip(merged.segments, full.segments, strict=True):
        older = one.sequence < update.media_sequence and one.sequence in started
        assert one == (replace(other, parts=one.parts) if older else other)  # old parts need not stay listed
    assert (merged.media_sequence, merged.end_sequence) == (full.media_sequence, full.end_sequence)
    assert (merged.skipped, merged.discontinuity_sequence) == (0, full.discontinuity_sequence)
    assert merged.preload_hint == full.preload_hint
    assert full.tags <= merged.tags
    assert "SKIP" not in merged.tags


def test_what_was_in_force_at_the_skip_stays_in_force() -> None:
    """Key, init section, date-time and byte range run on from the last skipped segment."""
    head = (m3u.version(9), m3u.target(2), m3u.sequence(5))
    before = read(
        m3u.playlist(
            *head,
            m3u.key("AES-128", "k"),
            m3u.ext_map("i.mp4"),
            m3u.tag("BITRATE", 800),
            m3u.pdt(10),
            m3u.inf(2, "a.mp4", m3u.byterange(100, 50)),
            m3u.inf(2, "a.mp4", m3u.byterange(20)),
        )
    )
    update = read(m3u.playlist(*head, m3u.skip(2), m3u.inf(2, "a.mp4", m3u.byterange(30))), before)
    merged = merge(update, before)

    assert [segment.sequence for segment in merged.segments] == [5, 6, 7]
    last = merged.segments[-1]
    assert (last.key, last.init, last.bitrate_bps) == (
        before.segments[0].key,
        before.segments[0].init,
        800_000,
    )
    assert last.byte_range == (170, 30)
    assert (
        last.program_date_time
        == read(m3u.playlist(*head, m3u.inf(2, "x", m3u.pdt(14)))).segments[0].program_date_time
    )
    assert merged.keys == before.keys


@pytest.mark.parametrize(
    ("first", "skipped", "message"),
    [
        (4, 2, "it skips segments from 4 on, the playlist before begins with 5"),
        (5, 4, "it skips segments up to 8, the playlist before ends with 7"),
        (9, 1, "it skips segments up to 9, the playlist before ends with 7"),
    ],
)
def test_update_that_does_not_fit_is_refused(first: int, skipped: int, message: str) -> None:
    """An update that skips what was never seen cannot be merged, and the refusal says why."""
    before = read(m3u.window(5, 3))
    update = read(
        m3u.playlist(m3u.target(2), m3u.sequence(first), m3u.skip(skipped), m3u.inf(2, "x.ts")), before
    )
    with pytest.raises(DeltaError, match=message):
        merge(update, before)


def test_update_without_a_playlist_before_is_refused() -> None:
    """An update that comes first is refused; a full playlist is taken as it is."""
    update = read(m3u.playlist(m3u.target(2), m3u.skip(3), m3u.inf(2, "x.ts")))
    with pytest.raises(DeltaError, match="it skips 3 segments and no playlist came before it"):
        merge(update, None)
    full = read(m3u.window(5, 3))

    assert merge(full, None) is full


def test_rotated_keys_do_not_pile_up() -> None:
    """Over many updates only the keys that listed segments need are kept."""
    packager = Packager("hd", NOTHING, window=10, before=lambda number: [m3u.key("AES-128", f"k{number}")])
    packager.total = 60
    held = read(packager.text())
    for _ in range(50):
        packager.total += 3
        held = merge(read(packager.text(skip=True), held), held)

    assert len(held.keys) == 10


async def test_update_that_nobody_asked_for_is_no_playlist(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """A server that skips segments in an answer to a plain request is invalid until it no longer does."""
    text = m3u.playlist(m3u.version(9), m3u.target(1), m3u.sequence(5), m3u.skip(4), m3u.inf(1, "9.ts"))
    url = origin.ladder({"a": 1000})
    origin.put("a/index.m3u8", text)
    async with Run(source(http, url)) as run:
        found = await run.until_finding(Reason.PLAYLIST_INVALID, Phase.START)

    assert found.message.startswith(
        "playlist invalid, it skips segments and no delta update was asked for: http:"
    )


async def test_invalid_update_is_told_and_a_full_playlist_fetched(
    origin: LowLatencyOrigin, http: HttpClient
) -> None:
    """A server whose update skips too much makes one finding, and nothing is lost."""
    live = origin.add("hd", ll_media.fmp4(), parts=40, window=9)
    async with Run(source(http, origin.url("/hd/index.m3u8"))) as run:
        await until_edge(run, live)
        live.skips_too_many = 20
        await live.publish()
        await run.until_finding(Reason.DELTA_UPDATE_INVALID)
        live.skips_too_many = 0
        await publish(run, live, 4)

    assert holes(run, live) == []
    assert [found.reason for found in run.findings()] == [Reason.DELTA_UPDATE_INVALID]
    asked = origin.asked(r"index\.m3u8")
    assert "/hd/index.m3u8" in asked[1:]
