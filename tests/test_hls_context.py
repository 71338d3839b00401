"""Ad breaks and slates: announced by any marker, told once for the stream, with exact media times."""

from __future__ import annotations

import pytest

import playlists as m3u
from following import LOW, RUNG, Found, Ladder, found, parsed
from live_lists import daterange, live, vod
from qoed.model import Finding, Phase, Reason
from splices import hexadecimal, segmentation, splice_insert, time_signal

START, END = Phase.START, Phase.END
AD, SLATE = Reason.AD_BREAK, Reason.SLATE
IN = m3u.tag("CUE-IN")
SLATE_CLASS = m3u.quoted("com.example.Slate")


def out(seconds: float | None = None) -> str:
    """EXT-X-CUE-OUT."""
    return m3u.tag("CUE-OUT", seconds)


def cont() -> str:
    """EXT-X-CUE-OUT-CONT."""
    return m3u.tag("CUE-OUT-CONT", "8/30")


def splice(data: bytes) -> dict[str, str]:
    """Attributes of a date range that carries a splice out."""
    return {"scte35_out": hexadecimal(data)}


def stretch(reason: Reason, planned_s: float | None, lasted_s: float) -> list[Found]:
    """A stretch of the stream, from begin to end."""
    return [(reason, START, None, planned_s), (reason, END, None, lasted_s)]


OUT_30 = splice(splice_insert(7, out=True, duration_s=30.0))
OUT_ONLY = splice(splice_insert(7, out=True))
BACK = {"scte35_in": hexadecimal(splice_insert(7, out=False))}
AD_START = {"scte35_cmd": hexadecimal(time_signal(segmentation(9, 0x30, 12.0)))}
AD_END = {"scte35_cmd": hexadecimal(time_signal(segmentation(9, 0x31)))}

STRETCHES = {
    "cue, in time": (vod(30, tags={5: out(30), 20: IN}), stretch(AD, 30.0, 30.0)),
    "cue, back early": (vod(30, tags={5: out(30), 15: IN}), stretch(AD, 30.0, 20.0)),
    "cue of unknown length": (vod(30, tags={5: out(), 15: IN}), stretch(AD, None, 20.0)),
    "cue without return": (vod(30, tags={5: out(20)}), stretch(AD, 20.0, 20.0)),
    "cue, two breaks in a row": (vod(40, tags={5: out(20), 15: out(20)}), stretch(AD, 20.0, 20.0) * 2),
    "cue with continuations": (
        vod(30, tags={5: out(20), **{n: cont() for n in range(6, 15)}, 15: IN}),
        stretch(AD, 20.0, 20.0),
    ),
    "cue told again with what is left": (
        vod(30, tags={n: out(40 - 2 * n) for n in range(5, 20)}),
        stretch(AD, 30.0, 30.0),
    ),
    "cue until the end": (vod(10, tags={5: out(60)}), stretch(AD, 60.0, 10.0)),
    "splice, within a segment": (
        vod(30, dated=True, tags={6: daterange("a", 11.0, planned_duration=30, **OUT_30)}),
        stretch(AD, 30.0, 30.0),
    ),
    "splice with its duration": (
        vod(30, dated=True, tags={5: daterange("a", 10.0, duration=20, **OUT_ONLY)}),
        stretch(AD, 20.0, 20.0),
    ),
    "splice, length from SCTE 35": (
        vod(30, dated=True, tags={5: daterange("a", 10.0, **OUT_30)}),
        stretch(AD, 30.0, 30.0),
    ),
    "splice with its return": (
        vod(30, dated=True, tags={
            5: daterange("a", 10.0, planned_duration=30, **OUT_ONLY),
            20: daterange("a", 10.0, end_date=m3u.quoted(m3u.moment(39.0)), **BACK),
        }),
        stretch(AD, 29.0, 29.0),
    ),
    "splice with a return of another ID": (
        vod(30, dated=True, tags={5: daterange("a", 10.0, **OUT_ONLY), 20: daterange("b", 41.0, **BACK)}),
        stretch(AD, None, 31.0),
    ),
    "command": (
        vod(30, dated=True, tags={5: daterange("a", 10.0, **AD_START), 11: daterange("b", 22.0, **AD_END)}),
        stretch(AD, 12.0, 12.0),
    ),
    "cue and splice of one break": (
        vod(30, dated=True, tags={5: (daterange("a", 10.0, planned_duration=30, **OUT_30), out(30)), 20: IN}),
        stretch(AD, 30.0, 30.0),
    ),
    "slate": (
        vod(30, dated=True, tags={5: daterange("a", 11.5, duration=20, **{"class": SLATE_CLASS})}),
        stretch(SLATE, 20.0, 20.0),
    ),
    "metadata of another class": (
        vod(30, dated=True, tags={5: daterange("a", 11.5, duration=20, **{"class": m3u.quoted("chapter")})}),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), STRETCHES.values(), ids=STRETCHES)
def test_each_stretch_begins_and_ends_once(text: str, expected: list[Found]) -> None:
    """A break or slate is one begin and one end of the stream, and no fault."""
    assert found(text) == expected


def of(findings: list[Finding]) -> list[tuple[Phase, float | None]]:
    """Phases and media times of ad breaks."""
    return [(one.phase, one.media_time_s) for one in findings if one.reason is AD]


def test_places_are_exact() -> None:
    """Begin and end stand at the media time of the marker, within a segment too, with what announced them."""
    tags = {6: daterange("a", 11.25, planned_duration=30, **OUT_30)}
    findings = Ladder(RUNG).loaded(RUNG, parsed(vod(30, dated=True, tags=tags)), 0.0)

    assert of(findings) == [(START, 11.25), (END, 41.25)]
    assert findings[0].evidence == {"signal": "scte35-out", "id": "a", "event_id": 7}
    assert findings[0].message == "ad break of 30 s begins"


def test_live_break_begins_when_its_segment_is_listed() -> None:
    """In a live list the begin is told with the break's first segment, the end with the first after it."""
    ladder, marks = Ladder(RUNG), {12: out(8), 16: IN}
    lists = [live(first, tags=marks) for first in range(5, 13)]
    told = [of(ladder.loaded(RUNG, parsed(text), 2.0 * at)) for at, text in enumerate(lists)]

    assert told == [[], [], [(START, 8.0)], [], [], [], [(END, 16.0)], []]


def test_renditions_announce_one_break() -> None:
    """Renditions that list the same break, one of them later, make one begin and one end."""
    ladder, marks = Ladder(RUNG, LOW), {12: out(8), 16: IN}
    told = []
    for first in range(5, 15):
        told += ladder.loaded(RUNG, parsed(live(first, tags=marks)), 2.0 * first)
        told += ladder.loaded(LOW, parsed(live(first - 2, tags=marks)), 2.0 * first + 1)

    assert of(told) == [(START, 8.0), (END, 16.0)]


def test_break_that_began_before_we_came_has_what_is_left() -> None:
    """Who joins within a break is told so at once, with the seconds that are left of it."""
    (start,) = Ladder(RUNG).loaded(RUNG, parsed(live(10, tags={11: out(30)})), 0.0)

    assert (start.reason, start.media_time_s, start.value) == (AD, 0.0, 26.0)
    assert found(live(10, tags={13: cont(), 14: cont(), 15: cont()})) == [(AD, START, None, None)]
    assert found(live(10, tags={10: out(30), 12: IN})) == []
    assert (
        found(live(10, count=20, dated=True, tags={10: daterange("a", 20.0, duration=5, **OUT_ONLY)})) == []
    )


def test_break_ends_with_the_last_rendition() -> None:
    """A stream that leaves within a break leaves no break open."""
    ladder = Ladder(RUNG, LOW)
    for rendition in (RUNG, LOW):
        ladder.loaded(rendition, parsed(live(10, tags={14: out(60)})), 0.0)
    one = ladder.renditions[LOW.id].gone(2.0)
    rest = ladder.renditions[RUNG.id].gone(3.0)

    assert [(f.reason, f.phase) for f in [*one, *rest]] == [(AD, END)]


UNPAIRED = {
    "return without a break": (vod(30, tags={15: IN}), None),
    "continued without a begin": (vod(30, tags={5: cont(), 6: cont(), 7: IN}), None),
    "second return": (vod(30, tags={5: out(20), 15: IN, 20: IN}), None),
    "break within a break": (vod(60, tags={5: out(60), 15: out(60), 45: IN}), None),
    "no return where there was one": (vod(60, tags={5: out(20), 15: IN, 30: out(20)}), 6.0),
    "late return": (vod(60, tags={5: out(20), 25: IN}), 20.0),
    "continued past its end": (
        vod(30, tags={5: out(20), **{n: cont() for n in range(6, 20)}, 20: IN}),
        6.0,
    ),
    "splice back without a splice out": (vod(30, dated=True, tags={15: daterange("b", 30.0, **BACK)}), None),
    "splice without return, which it needs": (
        vod(60, dated=True, tags={5: daterange(
            "a", 10.0, **splice(splice_insert(7, out=True, duration_s=20.0, auto_return=False))
        )}),
        6.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), UNPAIRED.values(), ids=UNPAIRED)
def test_markers_without_partner_are_told(text: str, value: float | None) -> None:
    """A marker that has no partner is one event, whatever else is announced."""
    told = [one for one in found(text) if one[0] not in (AD, SLATE)]

    assert told == [(Reason.CUE_UNPAIRED, Phase.EVENT, RUNG.id, value)]


def test_date_range_that_changes_is_invalid() -> None:
    """Attributes of one ID must stay what they were; a planned duration may change."""

    def lists(**second: object) -> list[str]:
        first = daterange("a", 20.0, duration=4)
        return [
            live(10, dated=True, tags={10: first}),
            live(10, 7, dated=True, tags={10: daterange("a", **second)}),
        ]

    invalid = [(Reason.DATE_RANGE_INVALID, Phase.EVENT, RUNG.id, None)]

    assert found(*lists(start_s=21.0, duration=4)) == invalid
    assert found(*lists(start_s=20.0, duration=5)) == invalid
    assert found(*lists(start_s=20.0, duration=4, planned_duration=6)) == []
