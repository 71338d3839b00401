"""How many live 720p30 renditions one core keeps up with, scored once per second in the default depth.

Unit: renditions per core. So many are kept up with when every clip due is scored, nothing is dropped, and
results do not come ever later (by less than 20 ms each second) over twelve seconds in real time.
Path: segments that arrive in real time, out of step with each other -> `Lanes` -> `DecodePool` (one worker)
-> `Scorer` (one engine thread), all pinned to one and the same core. Fetching and Redis are not in it.
Media: x264 preset medium, 3 B-frames, 720p30 with AAC, in segments of 2 s, or your own video with `--clip`.
Reference: none; the CPU seconds that a rendition takes each second say where the limit would be without any
queueing, and on a busy machine too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.media import SD, TINY, media_for
from bench.one_core import Trial
from bench.report import Result, Say, Settings, Table

SECONDS = 12.0
QUICK_SECONDS = 2.0
FIRST = 2
"""Renditions of the first trial, from whose CPU time the search starts."""


class Core:
    """The pinned process."""

    def __init__(self, process: subprocess.Popen[str], say: Say) -> None:
        self._process = process
        self._say = say

    def try_out(self, count: int) -> Trial:
        """Feed `count` renditions. Raises `RuntimeError` when the process has ended."""
        self._say(f"{count} renditions in real time")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the measuring process ended with {self._process.wait()}; see above")
        return Trial(**json.loads(line))


def run(settings: Settings, say: Say) -> Result:
    """Search upwards for the most renditions that one core keeps up with."""
    media = media_for(TINY if settings.quick else SD, settings.clip, say)
    with _pinned(settings, say) as core:
        trials = [core.try_out(FIRST)]
        if not settings.quick:
            trials += search(core, guess=max(1, int(1 / trials[0].cpu_per_rendition)))
    return _result(sorted(trials, key=lambda each: each.renditions), str(media))


def search(core: Core, guess: int) -> Iterator[Trial]:
    """Trials from `guess` on, up or down, that end once n keeps up and n + 1 does not."""
    step = max(1, guess // 10)
    good, bad, count = 0, None, guess
    while bad is None or bad - good > 1:
        found = core.try_out(count)
        yield found
        if found.kept_up:
            good = count
        else:
            bad = count
        if bad == 1:
            return
        if bad is None:
            count = good + step
        elif good:
            count = (good + bad) // 2
        else:
            count = max(1, bad - step)


@contextmanager
def _pinned(settings: Settings, say: Say) -> Iterator[Core]:
    asked = {
        "cpu": max(os.sched_getaffinity(0)),
        "seconds": QUICK_SECONDS if settings.quick else SECONDS,
        "quick": settings.quick,
        "clip": str(settings.clip) if settings.clip else None,
    }
    paths = os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.one_core", json.dumps(asked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    with process:
        try:
            yield Core(process, say)
        except BaseException:
            process.kill()
            raise


def _result(trials: Sequence[Trial], media: str) -> Result:
    keeping = [each for each in trials if each.kept_up]
    most = max((each.renditions for each in keeping), default=0)
    # Of the fullest core that kept up: an emptier one wakes up more often for each segment.
    cost = (keeping or trials)[-1 if keeping else 0].cpu_per_rendition
    return Result(
        headline=(
            f"One core keeps up with {most} renditions at one clip a second, with zero drops; "
            f"{1000 * cost:.0f} ms of CPU a rendition and second: {1 / cost:.1f} without any queueing"
        ),
        tables=(
            Table(
                title="Trials",
                columns=(
                    "renditions",
                    "kept up",
                    "clips scored",
                    "clips due",
                    "dropped",
                    "slip ms/s",
                    "worst latency s",
                    "CPU ms per rendition-second",
                ),
                rows=[
                    (
                        str(each.renditions),
                        "yes" if each.kept_up else "no",
                        str(each.clips_scored),
                        str(each.clips_due),
                        str(each.dropped),
                        f"{1000 * each.slip:.1f}",
                        f"{each.worst_latency_s:.2f}",
                        f"{1000 * each.cpu_per_rendition:.1f}",
                    )
                    for each in trials
                ],
            ),
        ),
        notes=(f"Media: {media}.", "Dropped counts segments and clips."),
        figures={
            "media": media,
            "renditions": most,
            "cpu_s_per_rendition_s": cost,
            "extrapolated": 1 / cost,
            "trials": [
                {
                    "renditions": each.renditions,
                    "kept_up": each.kept_up,
                    "clips_due": each.clips_due,
                    "clips_scored": each.clips_scored,
                    "dropped": each.dropped,
                    "slip": each.slip,
                    "worst_latency_s": each.worst_latency_s,
                    "cpu_s_per_rendition_s": each.cpu_per_rendition,
                }
                for each in trials
            ],
        },
    )
