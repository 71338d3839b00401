"""The process that renders and encodes, a few segments ahead of the air."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from qoed.demo.content import ClipPictures, RenderedPictures
from qoed.demo.encode import Made, Order, SegmentMaker

NICENESS = 5
"""The segments are made ahead of their time, so whoever is in a hurry may go first."""
_PR_SET_PDEATHSIG = 1  # prctl(2)

_maker: SegmentMaker | None = None


class Studio:
    """One child process that makes segments, instant by instant; an async context manager."""

    def __init__(self, clip: Path | None = None) -> None:
        self._clip = clip
        self._executor: Executor | None = None

    async def __aenter__(self) -> Self:
        self._executor = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_open, initargs=(self._clip, os.getpid())
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)

    async def make(self, index: int, orders: Sequence[Order]) -> list[Made]:
        """The segments of instant `index`; ask in ascending order. Raises `SourceError` for a bad clip."""
        if self._executor is None:
            raise RuntimeError("the studio is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _make, index, list(orders))


def _open(clip: Path | None, parent: int) -> None:
    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    os.nice(NICENESS)
    av.logging.set_level(None)
    _maker = SegmentMaker(ClipPictures(clip) if clip else RenderedPictures())


def _make(index: int, orders: list[Order]) -> list[Made]:
    assert _maker is not None
    return _maker.make(index, orders)
