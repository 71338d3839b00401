"""What it costs to read an MPD, against parsing its XML at all.

Unit: CPU milliseconds; the ratio is to the standard library's ElementTree on the same bytes, in the same run,
taking turns. `read` is bytes to values (DOCTYPE refused, caps counted, attributes inherited, BaseURLs
resolved, periods computed); `follow` is what each later load adds: checks, and the next segment of every
rendition. A body that has not changed is neither parsed nor checked again.
MPDs: live, six video Representations and one of sound; no two S elements of their SegmentTimelines are alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from xml.etree import ElementTree

from bench.report import Result, Say, Settings, Table
from qoed.source import SourceOptions
from qoed.source.dash.checks import ManifestChecks
from qoed.source.dash.parse import parse_mpd
from qoed.source.dash.presentation import Ladder, Presentation
from qoed.source.report import Report
from qoed.source.selector import parse_selector

SIZES = (30, 900, 11_000)
"""S elements: a minute, half an hour, and as many as are read."""
REPEATS = 41
URL = "https://origin.example/live/stream.mpd"


def live_mpd(entries: int) -> bytes:
    """A live MPD with so many S elements, half of them of video and half of sound."""
    lines = "".join(f'<S t="{96_000 * at}" d="{95_232 + at % 3 * 1024}"/>' for at in range(entries // 2))
    how = (
        '<SegmentTemplate timescale="48000" media="$RepresentationID$/$Time$.m4s"'
        f' initialization="$RepresentationID$/init.mp4"><SegmentTimeline>{lines}</SegmentTimeline>'
        "</SegmentTemplate>"
    )
    rungs = "".join(
        f'<Representation id="v{height}" bandwidth="{height * 3000}" width="{height * 16 // 9}"'
        f' height="{height}" codecs="avc1.64001f"/>'
        for height in (1080, 720, 540, 432, 360, 240)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic"'
        ' availabilityStartTime="1970-01-01T00:00:00Z" minimumUpdatePeriod="PT2S"><Period start="PT0S">'
        f'<AdaptationSet contentType="video" mimeType="video/mp4" segmentAlignment="true">{how}{rungs}'
        f'</AdaptationSet><AdaptationSet contentType="audio" mimeType="audio/mp4">{how}'
        '<Representation id="a" bandwidth="128000" codecs="mp4a.40.2"/></AdaptationSet></Period></MPD>'
    ).encode()


def run(settings: Settings, say: Say) -> Result:
    """Read MPDs of several sizes."""
    rows, figures = [], {}
    for size in SIZES[:1] if settings.quick else SIZES:
        say(f"{size} S elements")
        body = live_mpd(size)
        presentation = Ladder(parse_selector("all")).arrange(parse_mpd(body, URL))
        follow = _follower(presentation, size)
        times: dict[str, list[float]] = {"bare": [], "read": [], "follow": []}
        for _ in range(3 if settings.quick else REPEATS):
            times["bare"].append(_cpu_ms(lambda body=body: ElementTree.fromstring(body)))  # type: ignore[misc]
            times["read"].append(_cpu_ms(lambda body=body: parse_mpd(body, URL)))  # type: ignore[misc]
            times["follow"].append(_cpu_ms(follow))
        bare, read, after = (median(times[name]) for name in ("bare", "read", "follow"))
        rows.append(
            [
                f"{size:,}",
                f"{len(body):,}",
                f"{bare:.2f}",
                f"{read:.2f}",
                f"{read / bare:.1f}",
                f"{after:.2f}",
            ]
        )
        figures[str(size)] = {"bare_ms": bare, "read_ms": read, "ratio": read / bare, "follow_ms": after}
    middle = figures[str(SIZES[0] if settings.quick else SIZES[1])]
    return Result(
        headline=f"Reading an MPD costs {middle['ratio']:.1f} times its bare XML",
        tables=[
            Table(
                title="CPU of one load, medians",
                columns=["S elements", "bytes", "bare ms", "read ms", "ratio", "follow ms"],
                rows=rows,
            )
        ],
        figures={"sizes": figures},
    )


def _follower(presentation: Presentation, size: int) -> Callable[[], None]:
    """What is done with each load after it was read."""
    options = SourceOptions()
    checks = ManifestChecks(Report("bench", None, options.checks), options)
    now_s = size // 2 * 2.0
    checks.loaded(presentation, 0.0, now_s, took_s=0.1, changed=True)

    def follow() -> None:
        checks.loaded(presentation, 1.0, now_s, took_s=0.1, changed=True)
        for name in presentation.names:
            next(presentation.steps(name, now_s - 6.0, lambda representation: representation), None)

    return follow


def _cpu_ms(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000
