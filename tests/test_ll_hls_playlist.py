"""Low-latency playlists: parts, hints, promises, where a rendition is joined, what is asked next."""

from __future__ import annotations

from datetime import timedelta

import pytest

import playlists as m3u
from playlists import EPOCH
from qoed.source.hls.live_start import first_part, live_start
from qoed.source.hls.model import MediaPlaylist
from qoed.source.hls.playlist import parse_playlist
from qoed.source.hls.reload import PLAIN, Ask, directed, holds, next_ask, reload_delay_s

HEAD = (m3u.version(9), m3u.target(4), m3u.part_inf(1), m3u.server_control(part_hold_back_s=3))


def media(*lines: str) -> MediaPlaylist:
    found = parse_playlist(m3u.playlist(*lines).encode(), "https://o.example/live/index.m3u8")
    assert isinstance(found, MediaPlaylist)
    return found


def parts(name: str, count: int, *, independent: tuple[int, ...] = (0,)) -> list[str]:
    return [m3u.part(1, f"{name}.{at}.mp4", independent=at in independent) for at in range(count)]


def test_parts_belong_to_the_segment_that_follows_them() -> None:
    """Parts are listed with their segment, numbered from 0; the last ones are of a segment yet to come."""
    found = media(*HEAD, m3u.sequence(7), m3u.inf(4, "a.mp4", m3u.pdt(0), *parts("a", 4)), *parts("b", 2))
    whole, open_ = found.segments

    assert [(part.index, part.independent, part.uri.rsplit("/", 1)[1]) for part in whole.parts] == [
        (0, True, "a.0.mp4"),
        (1, False, "a.1.mp4"),
        (2, False, "a.2.mp4"),
        (3, False, "a.3.mp4"),
    ]
    assert (whole.complete, whole.sequence) == (True, 7)
    assert (open_.complete, open_.sequence, open_.duration_s, len(open_.parts)) == (False, 8, 2.0, 2)
    assert open_.program_date_time == EPOCH + timedelta(seconds=4)
    assert found.end_sequence == 8
    assert found.problems == ()


def test_byte_ranges_of_parts_follow_each_other() -> None:
    """A part's range without an offset begins where the one before it ends, in the same resource only."""
    lines = [
        m3u.part(1, "a.mp4", span="100@50"),
        m3u.part(1, "a.mp4", span="20"),
        m3u.part(1, "b.mp4", span="5@0"),
    ]
    (open_,) = media(*HEAD, *lines).segments

    assert [part.byte_range for part in open_.parts] == [(50, 100), (150, 20), (0, 5)]


def test_hints_and_reports_and_promises_are_read() -> None:
    """Server control, part target, hints for a part and an init section, rendition reports."""
    found = media(
        m3u.target(4),
        m3u.part_inf(1),
        m3u.tag(
            "SERVER-CONTROL",
            "CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24,CAN-SKIP-DATERANGES=YES,HOLD-BACK=12,PART-HOLD-BACK=3.0",
        ),
        m3u.inf(4, "a.mp4"),
        m3u.hint("b.0.mp4", start=700),
        m3u.hint("i.mp4", "MAP", start=0, length=600),
        m3u.report("../sd.m3u8", 7, 2),
    )
    part, init, (report,) = found.preload_hint, found.map_hint, found.reports

    assert found.part_target_s == 1.0
    assert (found.server.can_block_reload, found.server.can_skip_until_s) == (True, 24.0)
    assert (found.server.can_skip_date_ranges, found.server.hold_back_s) == (True, 12.0)
    assert part is not None
    assert (part.uri, part.start, part.length) == ("https://o.example/live/b.0.mp4", 700, None)
    assert init is not None
    assert (init.start, init.length) == (0, 600)
    assert (report.uri, report.last_msn, report.last_part) == ("https://o.example/sd.m3u8", 7, 2)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (m3u.tag("PART", "DURATION=1"), "line 6 (#EXT-X-PART) has no URI"),
        (m3u.tag("PART", 'URI="p"'), "line 6 (#EXT-X-PART) has no DURATION"),
        (m3u.part(-1, "p"), "line 6 (#EXT-X-PART) has a DURATION that is out of range"),
        (m3u.part("x", "p"), "line 6 (#EXT-X-PART) has a value that is no number"),
        (m3u.part(1, "p", span="0@5"), "line 6 (#EXT-X-PART) has an empty byte range"),
        (
            m3u.part(1, "p", span="5"),
            "line 6 (#EXT-X-PART) has a byte range without offset that follows no range of the same resource",
        ),
        (
            m3u.part(1, "file:///p"),
            "line 6 (#EXT-X-PART) it names a URI of scheme 'file', which is not fetched",
        ),
        (m3u.hint("p", "NEXT"), "line 6 (#EXT-X-PRELOAD-HINT) has a TYPE that is neither PART nor MAP"),
        (m3u.tag("PRELOAD-HINT", "TYPE=PART"), "line 6 (#EXT-X-PRELOAD-HINT) has no URI"),
        (m3u.report("", 1, 1), "line 6 (#EXT-X-RENDITION-REPORT) has no URI"),
        (m3u.report("v", "x", 1), "line 6 (#EXT-X-RENDITION-REPORT) has a value that is no decimal integer"),
        (m3u.part_inf(2), "line 6 (#EXT-X-PART-INF) comes twice"),
    ],
)
def test_broken_low_latency_tags_are_noted(line: str, problem: str) -> None:
    """A low-latency tag that breaks its rules is left out and named; the rest is read."""
    found = media(*HEAD, line, m3u.inf(4, "a.mp4"))

    assert found.problems == (problem,)
    assert [segment.parts for segment in found.segments] == [()]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((m3u.part(1, "p"),), "it lists parts without EXT-X-PART-INF"),
        (
            (m3u.part_inf(1),),
            "EXT-X-SERVER-CONTROL has no PART-HOLD-BACK, which EXT-X-PART-INF requires",
        ),
        (
            (m3u.part_inf(1), m3u.server_control(part_hold_back_s=1.9)),
            "PART-HOLD-BACK is less than two part targets",
        ),
        ((m3u.tag("SERVER-CONTROL", "HOLD-BACK=11"),), "HOLD-BACK is less than three target durations"),
        ((m3u.server_control(skip_until_s=23),), "CAN-SKIP-UNTIL is less than six target durations"),
        (
            (m3u.tag("SERVER-CONTROL", "CAN-SKIP-DATERANGES=YES"),),
            "CAN-SKIP-DATERANGES comes without CAN-SKIP-UNTIL",
        ),
    ],
)
def test_rules_of_promises(lines: tuple[str, ...], problem: str) -> None:
    """What a server promises must fit together, else it is named."""
    assert media(m3u.target(4), *lines, m3u.inf(4, "a.mp4")).problems == (problem,)


def test_only_the_last_parts_of_many_are_read() -> None:
    """Of a list that never lets go of its parts, the newest count, under their own numbers."""
    lines = [line for name in range(150) for line in (*parts(str(name), 4), m3u.inf(4, f"{name}.mp4"))]
    found = media(*HEAD, *lines)

    assert sum(len(segment.parts) for segment in found.segments) == 512
    assert [part.index for part in found.segments[-1].parts] == [0, 1, 2, 3]
    assert found.segments[0].parts == ()


# --- joining


def listed(open_parts: int, *, every: tuple[int, ...] = (0,), more: tuple[str, ...] = ()) -> MediaPlaylist:
    """Three segments of four parts and one that is open."""
    lines = [m3u.inf(4, f"{n}.mp4", *parts(str(n), 4, independent=every)) for n in range(3)]
    return media(*HEAD, *more, *lines, *parts("3", open_parts, independent=every))


@pytest.mark.parametrize(
    ("open_parts", "every", "index", "part"),
    [
        (0, (0,), 2, 0),
        (0, (0, 1, 2, 3), 2, 1),
        (2, (0, 1, 2, 3), 2, 3),
        (2, (0, 2), 2, 2),
        (3, (0,), 3, 0),
        (4, (0, 1), 3, 1),
    ],
)
def test_parts_are_joined_at_their_hold_back(
    open_parts: int, every: tuple[int, ...], index: int, part: int
) -> None:
    """A rendition is joined at the last independent part that is PART-HOLD-BACK from the end."""
    playlist = listed(open_parts, every=every)
    start = live_start(playlist, None, low_latency=True)

    assert (start, first_part(playlist, start)) == (index, part)


def test_whole_segments_are_joined_at_the_hold_back_of_the_list() -> None:
    """Who takes whole segments stays three target durations, or HOLD-BACK, from the end."""
    plain = media(m3u.target(4), *(m3u.inf(4, f"{n}.mp4") for n in range(8)))
    held = media(
        m3u.target(4),
        m3u.tag("SERVER-CONTROL", "HOLD-BACK=20"),
        *(m3u.inf(4, f"{n}.mp4") for n in range(8)),
    )

    assert live_start(plain, None, low_latency=False) == 5
    assert live_start(held, None, low_latency=False) == 3
    assert first_part(listed(0), 0) == 0


@pytest.mark.parametrize(
    ("offset", "count", "index"),
    [(-4, 8, 7), (-10, 8, 5), (0, 6, 0), (9, 6, 2), (0, 100, 92), (-1000, 100, 92), (1000, 8, 7)],
)
def test_start_tag_says_where_to_join(offset: float, count: int, index: int) -> None:
    """EXT-X-START is honoured, from the begin or the end, but not hours back."""
    playlist = media(
        m3u.target(4), m3u.tag("START", TIME_OFFSET=offset), *(m3u.inf(4, f"{n}.mp4") for n in range(count))
    )

    assert live_start(playlist, None, low_latency=True) == index
    assert live_start(playlist, 3, low_latency=True) == count - 3


# --- asking


def test_next_part_is_asked_for() -> None:
    """A blocking reload names the segment and part that come next, and asks for an update while it may."""
    assert next_ask(listed(2), 1.0) == Ask(msn=3, part=2)
    assert next_ask(listed(0), 1.0) == Ask(msn=3, part=0)
    skips = media(m3u.target(4), m3u.server_control(skip_until_s=24), m3u.inf(4, "a.mp4"))
    assert next_ask(skips, 11.9) == Ask(msn=1, skip=True)
    assert next_ask(skips, 12.0) == Ask(msn=1)
    assert next_ask(media(m3u.target(4), m3u.inf(4, "a.mp4")), 1.0) == PLAIN
    assert (
        next_ask(media(m3u.target(4), m3u.server_control(), m3u.inf(4, "a.mp4"), m3u.endlist()), 1.0) == PLAIN
    )


def test_directives_are_added_to_the_query() -> None:
    """The URL's own query, a signature perhaps, stays as it was written."""
    url = "https://o.example/i.m3u8?sig=a%2Fb&x"

    assert directed(url, PLAIN) == url
    assert directed(url, Ask(7, 2, True)) == f"{url}&_HLS_msn=7&_HLS_part=2&_HLS_skip=YES"
    assert directed("https://o.example/i.m3u8", Ask(7)) == "https://o.example/i.m3u8?_HLS_msn=7"


def test_answer_is_known_to_hold_what_was_asked() -> None:
    """A list holds a part when it lists it or anything later, and a segment when it lists all of it."""
    playlist = listed(2)

    assert [holds(playlist, 3, part) for part in (0, 1, 2)] == [True, True, False]
    assert (holds(playlist, 2, None), holds(playlist, 3, None), holds(playlist, 2, 9)) == (True, False, True)


def test_pace_of_loads() -> None:
    """Blocked loads follow each other, others keep the target's pace, or half of it without news."""
    blocks, plain = listed(2), media(m3u.target(4), m3u.inf(4, "a.mp4"))
    polled = media(m3u.target(4), m3u.part_inf(1), m3u.inf(4, "a.mp4", *parts("a", 4)))

    def pace(playlist: MediaPlaylist, asked: Ask = PLAIN, *, changed: bool = True) -> float:
        return reload_delay_s(playlist, changed=changed, asked=asked, low_latency=True)

    assert pace(blocks, Ask(3, 1)) == pace(blocks) == 0.05
    assert (pace(blocks, Ask(3, 2)), pace(blocks, Ask(3, 2), changed=False)) == (1.0, 0.5)
    assert (pace(polled), pace(polled, changed=False)) == (1.0, 0.5)
    assert (pace(plain), pace(plain, changed=False)) == (4.0, 2.0)
    assert reload_delay_s(blocks, changed=True, asked=PLAIN, low_latency=False) == 4.0
    tiny = media(m3u.target("0.1"), m3u.inf("0.1", "a.mp4"))
    assert pace(tiny) == 0.25
