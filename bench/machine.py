"""The machine under a measurement: what it is, what else ran on it, and the CPU time of our own processes."""

from __future__ import annotations

import os
import platform
import resource
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

import av

_CPUCLOCK_SCHED = 2
_FLAGS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
"""Instruction sets that decide about speed, best first."""
_PACKAGES = ("qoed", "av", "openvino", "onnxruntime", "numpy")


def facts() -> dict[str, str]:
    """CPU, system, versions and date, in words."""
    flags = _cpuinfo("flags").split()
    libraries = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    return {
        "CPU": f"{_cpuinfo('model name')}, {usable_cores()} of {os.cpu_count()} cores usable",
        "instruction sets": ", ".join(flag for flag in _FLAGS if flag in flags) or "unknown",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": f"{libraries}, libavcodec {codec}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def process_cpu_s(pid: int) -> float:
    """CPU seconds of all threads of another process, to the nanosecond (`clock_getcpuclockid(3)`)."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def children() -> set[int]:
    """Process ids of our children."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            # The name in parentheses may hold anything; state and parent follow the last one.
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:  # it has just ended
            continue
        if int(parent) == os.getpid():
            found.add(int(entry.name))
    return found


class Foreign:
    """Over a `with` block: the share (0-1) of the machine that neither we nor our ended children used."""

    def __enter__(self) -> Self:
        self.share = 0.0
        self._before = (*_ticks(), _own_s())
        return self

    def __exit__(self, *_error: object) -> None:
        busy, total, own_s = (
            now - then for now, then in zip((*_ticks(), _own_s()), self._before, strict=True)
        )
        if total > 0:
            own = own_s * os.sysconf("SC_CLK_TCK")
            self.share = min(1.0, max(0.0, (busy - own) / total))


def _ticks() -> tuple[float, float]:
    """(busy, all) clock ticks of all cores since boot; stolen time counts as busy."""
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    ticks = [float(value) for value in line.split()[1:9]]  # guest time is part of user time
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _own_s() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _cpuinfo(key: str) -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
