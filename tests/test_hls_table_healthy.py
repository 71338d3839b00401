"""Healthy playlists of every kind, loaded as a poller loads them: nothing is found."""

from __future__ import annotations

import pytest

import playlists as m3u
from following import found
from live_lists import event, live, low_latency, vod
from qoed.model import Phase, Reason

D = m3u.discontinuity()
KEY = m3u.key("AES-128", "k", "0x0123456789abcdef0123456789abcdef")


def sliding(loads: int, **otherwise: object) -> list[str]:
    """A live window that moves by one segment a load."""
    return [live(10 + n, **otherwise) for n in range(loads)]  # type: ignore[arg-type]


HEALTHY: dict[str, list[str]] = {
    "VOD": [vod(20)],
    "VOD, dated": [vod(20, dated=True)],
    "VOD, its last segment short": [vod(20, lasts={19: 0.3})],
    "VOD, whole seconds and no version": [vod(20, version=None, seconds=2)],
    "VOD, of one byte-ranged file": [
        vod(8, version=4, names=dict.fromkeys(range(8), "all.ts"),
            tags={n: m3u.byterange(100, 100 * n) for n in range(8)})
    ],
    "VOD, encrypted, with an init section": [vod(8, tags={0: (KEY, m3u.ext_map("i.mp4"))})],
    "VOD, of DRM": [
        vod(8, tags={0: m3u.tag("KEY", method="SAMPLE-AES", uri=m3u.quoted("skd://x"),
                                keyformat=m3u.quoted("com.apple.streamingkeydelivery"),
                                keyformatversions=m3u.quoted("1"))})
    ],
    "live": sliding(20),
    "live, dated with jitter": [
        live(10 + n, dated=True, dates={k: 0.02 * (k % 3) for k in range(50)}) for n in range(20)
    ],
    "live, whole seconds of fractional media": [
        live(10 + n, seconds=4, target=4, tags={k: m3u.pdt(3.84 * k) for k in range(0, 50, 5)})
        for n in range(20)
    ],
    "live, polled twice between updates": [text for text in sliding(10) for _ in range(2)],
    "live, growing from its first segment": [live(0, n) for n in range(1, 7)] + [live(1), live(2)],
    "live, three segments a bit shorter than the target": sliding(10, count=3, seconds=1.92),
    "live, hosts and query tokens that change": [
        live(10 + n, name=f"http://edge{n}.example/{{}}.ts?token={n}") for n in range(10)
    ],
    "live, file names that change with every load": [
        live(10 + n, name=f"{{}}-{n * 7919:x}.ts") for n in range(10)
    ],
    "live, dated, file names that change": [
        live(10 + n, dated=True, name=f"{{}}-{n * 7919:x}.ts") for n in range(10)
    ],
    "live, segments of varied length": [
        live(10 + n, lasts={k: (2.0, 1.4, 1.2)[k % 3] for k in range(50)}) for n in range(10)
    ],
    "live, short segments at an ad": [
        live(10 + n, tags={20: m3u.tag("CUE-IN"), 18: m3u.tag("CUE-OUT", 3)}, lasts={17: 0.4, 19: 0.5})
        for n in range(2)
    ],
    "live until its end": [live(10), live(11), live(12, tail=[m3u.endlist()])],
    "live that becomes VOD as it ends": [
        live(0), live(0, 7, head=[m3u.tag("PLAYLIST-TYPE", "VOD")], tail=[m3u.endlist()])
    ],
    "DVR window": [live(n, 400) for n in range(6)],
    "EVENT": [event(6 + n) for n in range(10)] + [event(16, tail=[m3u.endlist()])],
    "LL-HLS": [low_latency(divmod(81 + 4 * n, 4)) for n in range(20)],
    "clear lead, then encrypted": [
        live(10 + n, tags={14: KEY}) for n in range(5)
    ],
}  # fmt: skip


@pytest.mark.parametrize("loads", HEALTHY.values(), ids=HEALTHY)
def test_healthy_playlists_are_silent(loads: list[str]) -> None:
    """What servers may do is not told."""
    assert found(*loads) == []


def test_counted_discontinuities_are_told_and_nothing_else() -> None:
    """Discontinuities that leave the window, and are counted, are told once each."""
    seams = (14, 22)
    loads = [
        live(
            10 + n,
            tags=dict.fromkeys(seams, D),
            head=[m3u.tag("DISCONTINUITY-SEQUENCE", 3 + sum(10 + n > seam for seam in seams))],
        )
        for n in range(20)
    ]

    assert [one[:2] for one in found(*loads)] == [(Reason.DISCONTINUITY, Phase.EVENT)] * 2


def test_discontinuity_counted_when_its_segment_comes_first_is_right() -> None:
    """A packager that takes the tag off the first segment and counts it at once breaks no rule."""
    before = live(10, tags={11: D})
    after = live(11, head=[m3u.tag("DISCONTINUITY-SEQUENCE", 1)])

    assert [
        one[0] for one in found(before, after, live(12, head=[m3u.tag("DISCONTINUITY-SEQUENCE", 1)]))
    ] == []
