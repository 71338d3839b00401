"""How many live HLS playlists one process can poll: 2,000 with segments of 6 s, and of 2 s fewer and as many.

Each playlist is polled as the daemon does, parsed and checked, and its new segments (tiny ones) are fetched,
but not decoded. The origin is another process on loopback whose answers take 20 ms, on 20 addresses that
stand for 20 hosts.
Unit: loop lag is by how much a task that sleeps 10 ms is woken late; poll lateness is the time from when a
poll was due until its request has a connection; CPU is the process's share of one core; memory is the growth
of its resident set, divided by the streams.
Reference: aiohttp alone in a process of its own, in the same run: as many streams, one playlist and one
segment each segment duration, read and thrown away. Requests differ a little in number (a playlist that has
not changed is polled again sooner), so CPU is compared by request.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report import Result, Say, Settings, Table
from qoed.source.turns import STARTS_PER_S

ROOT = Path(__file__).resolve().parent.parent
LOADS = ((2000, 6.0), (1000, 2.0), (2000, 2.0))
"""(streams, segment duration in s)."""
HOSTS = 20
SECONDS = 60.0
LAG_LIMIT_S, LATE_LIMIT_S = 0.1, 1.0
"""What is wanted of the 99th percentiles."""
_QUICK_LOADS, _QUICK_SECONDS = ((100, 2.0),), 2.0


def run(settings: Settings, say: Say) -> Result:
    """Measure qoed and the reference for each segment duration. Raises `RuntimeError` when one fails."""
    seconds = _QUICK_SECONDS if settings.quick else SECONDS
    runs = []
    for streams, segment_s in _QUICK_LOADS if settings.quick else LOADS:
        for who in ("bare", "qoed"):
            say(f"{streams} playlists, segments of {segment_s:g} s, {who}, {seconds:g} s and the start")
            found = _measure(who, segment_s, streams, seconds)
            runs.append(found | {"segment_s": segment_s, "requests": found["playlists"] + found["segments"]})
    return _result(runs)


def _measure(who: str, segment_s: float, streams: int, seconds: float) -> dict[str, Any]:
    addresses = [f"127.0.0.{number + 1}" for number in range(HOSTS)]
    with subprocess.Popen(
        [sys.executable, "-m", "bench.poll_origin", str(segment_s), *addresses],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as origin:
        assert origin.stdout is not None
        assert origin.stdin is not None
        try:
            port = origin.stdout.readline().strip()
            numbers = [str(value) for value in (segment_s, streams, seconds, port)]
            done = subprocess.run(
                [sys.executable, "-m", "bench.poll_probe", who, *numbers, *addresses],
                capture_output=True,
                text=True,
                cwd=ROOT,
                timeout=seconds + 180,
                check=False,
            )
        finally:
            origin.kill()
    if done.returncode != 0:
        raise RuntimeError(f"polling failed: {(done.stderr.strip() or 'it said nothing').splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _result(runs: list[dict[str, Any]]) -> Result:
    for bare, qoed in zip(runs[::2], runs[1::2], strict=True):
        qoed["cpu_ratio"] = (qoed["cpu_s"] / qoed["requests"]) / (bare["cpu_s"] / bare["requests"])
    judged = [each for each in runs if each["who"] == "qoed"]
    first = judged[0]
    return Result(
        headline=(
            f"{first['streams']} playlists with segments of {first['segment_s']:g} s in one process: "
            f"loop lag p99 {first['lag_s'][1] * 1000:.1f} ms, poll lateness p99 "
            f"{first['late_s'][1] * 1000:.0f} ms, {first['cpu_s'] / first['seconds']:.0%} of a core, "
            f"{first['bytes_per_stream'] / 1024:.0f} KiB a stream"
        ),
        tables=(
            Table(
                title="Polling",
                columns=(
                    "streams × segment, by",
                    "loop lag ms, p50 / p99 / worst",
                    "poll late ms, p50 / p99 / worst",
                    "requests/s",
                    "of a core",
                    "CPU µs/request",
                    "KiB/stream",
                    "findings",
                ),
                rows=[_row(each) for each in runs],
            ),
        ),
        notes=(
            f"Wanted: lag p99 below {LAG_LIMIT_S * 1000:g} ms, lateness p99 below {LATE_LIMIT_S:g} s, no"
            f" finding. {'; '.join(f'{_load(each)}: ' + _verdict(each) for each in judged)}.",
            f"Streams begin one after the other, {STARTS_PER_S:g} a second, in the daemon and here.",
        ),
        figures={"runs": runs, "kept": all(_kept(each) for each in judged)},
    )


def _kept(found: dict[str, Any]) -> bool:
    return found["lag_s"][1] < LAG_LIMIT_S and found["late_s"][1] < LATE_LIMIT_S and not found["findings"]


def _verdict(found: dict[str, Any]) -> str:
    return "kept" if _kept(found) else "MISSED"


def _load(found: dict[str, Any]) -> str:
    return f"{found['streams']} × {found['segment_s']:g} s"


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    ratio = f" ({found['cpu_ratio']:.2f} × bare)" if "cpu_ratio" in found else ""
    return (
        f"{_load(found)}, {found['who']}",
        _milliseconds(found["lag_s"]),
        _milliseconds(found["late_s"]),
        f"{found['requests'] / found['seconds']:.0f}",
        f"{found['cpu_s'] / found['seconds']:.0%}",
        f"{found['cpu_s'] / found['requests'] * 1e6:.0f}{ratio}",
        f"{found['bytes_per_stream'] / 1024:.0f}",
        ", ".join(f"{count} {reason}" for reason, count in found["findings"].items()) or "none",
    )


def _milliseconds(spread: Sequence[float]) -> str:
    return " / ".join(f"{value * 1000:.1f}" for value in spread)
