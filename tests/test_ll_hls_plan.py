"""What is fetched next: whatever a server lists and drops, each piece of media once and in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import ll_origin
from ll_media import Coded
from qoed.model import Rendition
from qoed.source.hls.checks import RenditionChecks
from qoed.source.hls.model import MediaPlaylist
from qoed.source.hls.part_plan import Job, PartPlan
from qoed.source.hls.playlist import parse_playlist
from qoed.source.options import SourceOptions
from qoed.source.timeline import Timeline

PARTS = 4


def covered(job: Job) -> list[tuple[int, int]]:
    """(segment, part) of all that a job brings."""
    indices = range(PARTS) if job.whole else [part.index for part in job.parts]
    return [(job.sequence, index) for index in indices]


@settings(max_examples=150, deadline=None)
@given(
    begun=st.integers(0, 30),
    steps=st.lists(st.integers(0, 9), max_size=25),
    long_gop=st.booleans(),
    byte_ranges=st.booleans(),
    low_latency=st.booleans(),
)
def test_every_part_is_planned_once(
    begun: int, steps: list[int], long_gop: bool, byte_ranges: bool, low_latency: bool
) -> None:
    """From the joint on each part is in exactly one job, in order, however much each load brings."""
    coded = Coded("m4s", b"", (tuple((b"x" * 9, at == 0 or not long_gop) for at in range(PARTS)),))
    packager = ll_origin.Packager("hd", coded, total=begun, byte_ranges=byte_ranges)
    checks = RenditionChecks("tv", Rendition(id="r"), SourceOptions(low_latency=low_latency), Timeline())
    plan = PartPlan(low_latency=low_latency)
    jobs: list[Job] = []
    for now, step in enumerate([0, *steps]):
        packager.total += step
        playlist = parse_playlist(packager.text().encode(), "http://o/hd/index.m3u8")
        assert isinstance(playlist, MediaPlaylist)
        jobs += plan.jobs(playlist, checks.loaded(playlist, float(now)))

    seen = [piece for job in jobs for piece in covered(job)]
    number, index = packager.next
    end = number * PARTS + (index if low_latency else 0)
    first = seen[0][0] * PARTS + seen[0][1] if seen else end
    assert [segment * PARTS + part for segment, part in seen] == list(range(first, end))
    assert not seen or jobs[0].begins_anew
    for job in jobs:
        assert job.closes == (job.whole or not job.parts or job.parts[-1].index == PARTS - 1)
