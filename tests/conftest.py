"""What every test gets: guards against leaks of tasks, child processes, threads and file descriptors."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from fake_clock import FakeClock

FD_TOLERANCE = 12
"""Descriptors that libraries may open once and keep (pipes of the resource tracker, caches)."""
GRACE_S = 3.0
"""How long what a test started may take to be gone after it."""
_KEPT_CHILDREN = ("resource_tracker", "forkserver")
"""Python's own helpers of multiprocessing, which end with the interpreter."""


@pytest.fixture
def clock() -> FakeClock:
    """Scripted time."""
    return FakeClock()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves child processes, threads, descriptors or (async tests) tasks behind.

    Set up first and so torn down last: what fixtures start is theirs to end.
    """
    children, threads, descriptors = _children(), _threads(), _descriptors()
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_leftover_tasks")

    yield

    def leaks() -> list[str]:
        found = [f"child process {pid}: {name}" for pid, name in _children().items() if pid not in children]
        found += [f"thread {thread.name}" for thread in _threads() - threads]
        open_now = _descriptors()
        if len(open_now) - len(descriptors) > FD_TOLERANCE:
            found += [f"descriptors: {sorted(open_now - descriptors)}"]
        return found

    deadline = time.monotonic() + GRACE_S
    while (left := leaks()) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)
    assert not left, f"left behind: {left}"


@pytest.fixture
async def no_leftover_tasks() -> AsyncIterator[None]:
    """Fail an async test whose tasks outlive it and its fixtures."""
    mine = asyncio.current_task()
    yield
    deadline = time.monotonic() + GRACE_S
    while (left := _others(mine)) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert not left, f"tasks left behind: {[task.get_coro() for task in left]}"


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """Undo what a test configured of logging."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _others(mine: asyncio.Task[None] | None) -> set[asyncio.Task[None]]:
    return {task for task in asyncio.all_tasks() if task not in (mine, asyncio.current_task())}


def _children() -> dict[int, str]:
    """Our child processes, zombies too, with what they run."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            # The name in parentheses may hold anything; state and parent follow the last one.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it has just ended
            continue
        if parent == os.getpid() and not any(kept in command for kept in _KEPT_CHILDREN):
            found[int(entry.name)] = command or "(ended, not waited for)"
    return found


def _threads() -> set[threading.Thread]:
    """Threads that would keep the interpreter alive, less those of the loop's own executor, which it ends."""
    return {
        thread
        for thread in threading.enumerate()
        if not thread.daemon and not thread.name.startswith("asyncio_")
    }


def _descriptors() -> set[tuple[int, str]]:
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            found.add((int(entry), os.readlink(f"/proc/self/fd/{entry}")))
        except OSError:  # the listing's own descriptor
            continue
    return found
