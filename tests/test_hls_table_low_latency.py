"""Low-latency playlists broken in one way each, the exact finding, and nothing else."""

from __future__ import annotations

import playlists as m3u
from following import GONE, LOW, RUNG, Brief, Ladder, brief, came, checks, found, load, numbers, parsed
from live_lists import low_latency
from qoed.model import Finding, Phase, Reason
from qoed.source.hls.load import Load
from qoed.source.hls.model import PreloadHint
from qoed.source.http import FetchError, FetchKind

EVENT, START, END = Phase.EVENT, Phase.START, Phase.END


def ends(count: int, first: tuple[int, int] = (20, 1)) -> list[tuple[int, int]]:
    """The ends of `count` lists, each a part further than the one before."""
    begun = first[0] * 4 + first[1]
    return [divmod(at, 4) for at in range(begun, begun + count)]


def asked(end: tuple[int, int]) -> Load:
    """A load that was to wait until the list had `end`."""
    return load(0.5, asked=(end[0], end[1] - 1) if end[1] else (end[0] - 1, 3))


def followed(*steps: tuple[float, str, Load | None]) -> list[list[Brief]]:
    """What is found at each of the loads (when, what, how it came)."""
    follow = checks()
    return [brief(follow.loaded(parsed(text), now, how).findings) for now, text, how in steps]


def test_parts_in_time_are_no_finding() -> None:
    """Blocked reloads that each bring a part, and plain ones that bring several, are healthy."""
    blocked = [(0.5 * n, low_latency(end), asked(end)) for n, end in enumerate(ends(24))]
    plain = [low_latency(end) for end in ends(60)[::4]]

    assert followed(*blocked) == [[]] * 24
    assert found(*plain) == []


def test_segment_in_the_making_is_open_until_it_is_complete() -> None:
    """A segment of which only parts are there is placed, not listed; complete, it is listed there."""
    follow = checks()
    opened, complete = (follow.loaded(parsed(low_latency(end)), 0.0) for end in ((20, 2), (21, 0)))

    assert numbers(opened) == [19]
    assert opened.open is not None
    assert (opened.open.segment.sequence, opened.open.media_time_s) == (20, 2.0)
    assert [(one.segment.sequence, one.media_time_s) for one in complete.segments] == [(20, 2.0)]


def test_part_that_does_not_come_in_time_is_late_until_one_does() -> None:
    """Without a new part for three part targets, at least a second, parts are late until one is in time."""
    follow = checks()
    follow.loaded(parsed(low_latency((20, 1))), 10.0, asked((20, 1)))
    assert follow.stale_at == 11.5
    unchanged = parsed(low_latency((20, 1)))
    told = [brief(follow.loaded(unchanged, now).findings) for now in (11.4, 11.5, 12.0)]
    told.append(brief(follow.loaded(parsed(low_latency((20, 2))), 12.5, asked((20, 2))).findings))
    told.append(brief(follow.loaded(parsed(low_latency((20, 3))), 13.0, asked((20, 3))).findings))

    assert told == [
        [],
        [(Reason.PART_LATE, START, 1.5)],
        [],
        [],
        [(Reason.PART_LATE, END, 1.5)],
    ]


def test_outage_of_the_playlist_is_no_late_part() -> None:
    """Parts that could not be seen because loads failed are not called late."""
    follow = checks()
    follow.loaded(parsed(low_latency((20, 1))), 0.0, asked((20, 1)))
    follow.failed(GONE, 1.0)

    assert follow.loaded(parsed(low_latency((20, 3))), 4.0, asked((20, 3))).findings == ()


def test_part_longer_than_its_target_is_told() -> None:
    """A part above PART-TARGET is an event, as is one below 85 % of it that is not a segment's last."""
    long, short = {(20, 1): 0.6}, {(20, 1): 0.4}
    last, rounded = {(20, 3): 0.2}, {(20, 1): 0.503, (20, 2): 0.43}

    assert found(low_latency((20, 3), lasts=long)) == [(Reason.PART_DURATION_OFF, EVENT, RUNG.id, 0.6)]
    assert found(low_latency((20, 3), lasts=short)) == [(Reason.PART_DURATION_OFF, EVENT, RUNG.id, 0.4)]
    assert found(low_latency((21, 1), lasts=last)) == []
    assert found(low_latency((20, 4), lasts=rounded)) == []


def test_short_part_is_judged_when_it_is_known_not_to_be_the_last() -> None:
    """A short part may be a segment's last until another follows."""
    short = {(20, 1): 0.2}

    assert found(low_latency((20, 2), lasts=short), low_latency((20, 3), lasts=short)) == [
        (Reason.PART_DURATION_OFF, EVENT, RUNG.id, 0.2)
    ]


def test_reload_that_is_not_blocked_is_told_the_second_time() -> None:
    """A server that answers twice without what was waited for does not block; one that then does, does."""
    text, more = low_latency((20, 1)), low_latency((20, 2))

    assert followed(
        (0.0, text, None),
        (0.1, text, asked((20, 2))),
        (0.2, text, asked((20, 2))),
        (0.5, more, asked((20, 2))),
    ) == [
        [],
        [],
        [(Reason.RELOAD_NOT_BLOCKED, START, 0.5)],
        [(Reason.RELOAD_NOT_BLOCKED, END, 0.3)],
    ]


def test_one_reload_answered_early_is_forgiven() -> None:
    """A single answer without what was waited for may be a cache's."""
    text, more = low_latency((20, 1)), low_latency((20, 2))

    assert followed((0.0, text, None), (0.1, text, asked((20, 2))), (0.5, more, asked((20, 2)))) == [[]] * 3


def test_delta_update_that_does_not_fit_is_told_once() -> None:
    """Delta updates that skip what was never seen are one event, with why."""
    follow = checks()
    first = follow.delta_invalid("it skips segments from 3 on", 0.0)

    assert brief(first) == [(Reason.DELTA_UPDATE_INVALID, EVENT, None)]
    assert first[0].message == "delta update invalid, it skips segments from 3 on"
    assert follow.delta_invalid("it skips segments from 4 on", 1.0) == []


def test_parts_that_do_not_come_are_told() -> None:
    """A listed part and a hinted part that are not there are events with their place and name."""
    follow = checks()
    opened = follow.loaded(parsed(low_latency((20, 3))), 0.0).open
    assert opened is not None
    listed = follow.part_missing(opened, opened.segment.parts[2], GONE, 1.0)
    hinted = follow.hint_missing(PreloadHint(type="PART", uri="http://o/20.3.mp4?t=S3CR3T"), GONE, 1.0)
    busy = FetchError("no free connection: x", kind=FetchKind.QUEUED)

    assert [(f.reason, f.media_time_s, f.evidence["url"]) for f in [*listed, *hinted]] == [
        (Reason.PART_MISSING, 1.0, "http://o/live/20.2.mp4"),
        (Reason.PART_MISSING, 0.0, "http://o/20.3.mp4"),
    ]
    assert [f.reason for f in follow.hint_missing(PreloadHint(type="PART", uri="x"), busy, 2.0)] == [
        Reason.OVERLOADED
    ]


def test_parts_are_slow_only_when_a_viewer_would_notice() -> None:
    """A part that takes longer than a second is slow; one that the server held back is not."""
    follow = checks()
    opened = follow.loaded(parsed(low_latency((20, 3))), 0.0).open
    assert opened is not None
    one, two, three = opened.segment.parts

    assert follow.part_fetched(opened, one, came(0.9), 1.0) == []
    assert brief(follow.part_fetched(opened, two, came(1.1), 2.0)) == [(Reason.SEGMENT_SLOW, EVENT, 1.1)]
    assert follow.part_fetched(opened, three, came(2.0), 3.0, held=True) == []


def report(uri: str, msn: int) -> str:
    """EXT-X-RENDITION-REPORT."""
    return m3u.tag("RENDITION-REPORT", uri=m3u.quoted(uri), last_msn=msn, last_part=0)


def reported(*msns: int | None) -> list[Finding]:
    """A ladder of two whose upper one reports the lower to be at these segments, load by load."""
    ladder = Ladder(RUNG, LOW)
    told: list[Finding] = []
    for number, msn in enumerate(msns):
        end = (20 + number, 1)
        told += ladder.loaded(LOW, parsed(low_latency(end)), 2.0 * number)
        other = report("/other.m3u8", 20)
        lines = [other] if msn is None else [other, report(f"/{LOW.id}.m3u8", msn)]
        told += ladder.loaded(RUNG, parsed(low_latency(end, tail=lines)), 2.0 * number + 0.1)
    return told


def test_rendition_report_that_disagrees_twice_is_told_until_it_agrees() -> None:
    """A report that is segments off what the rendition itself lists is told from the second time on."""
    assert brief(reported(20, 21, 22)) == []
    assert brief(reported(20, 18, 22)) == []
    assert brief(reported(16, 17, 22)) == [
        (Reason.RENDITION_REPORT_OFF, START, 3.0),
        (Reason.RENDITION_REPORT_OFF, END, 2.0),
    ]
    assert brief(reported(None, None)) == [(Reason.RENDITION_REPORT_OFF, START, None)]
