"""Work in child processes that may die: media libraries crash on what a lossy network makes of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from qoed_training.data.corpus import CorpusError
from qoed_training.data.privileges import drop_sys_nice


class WorkerDied(RuntimeError):  # noqa: N818 - it names the event
    """The process that did the job ended in the middle of it."""


def in_processes(
    do: Callable[..., None], jobs: Mapping[str, tuple[Any, ...]], folder: Path, *, workers: int
) -> Iterator[tuple[str, BaseException | None]]:
    """Run `do(*jobs[name])` in `workers` processes; yields every name as it ends, with its error or None.

    When a process dies, the jobs that were under way are done again one by one, so that only the one that
    kills is left out (`WorkerDied`). Raises `CorpusError` when processes die before they begin.
    """
    suspects: dict[str, tuple[Any, ...]] = {}
    left = dict(jobs)
    while left:
        yield from _round(do, left, folder, workers)
        caught = [name for name in left if _marker(folder, name).exists()]
        if left and not caught:
            raise CorpusError(
                "the processes that make scenes are killed, perhaps for want of memory: "
                "repeat the command with fewer --workers"
            )
        for name in caught:
            suspects[name] = left.pop(name)
            _marker(folder, name).unlink()
    for name, arguments in suspects.items():
        alone = {name: arguments}
        yield from _round(do, alone, folder, 1)
        if alone:
            _marker(folder, name).unlink(missing_ok=True)
            yield name, WorkerDied("the process that made it died")


def _round(
    do: Callable[..., None], left: dict[str, tuple[Any, ...]], folder: Path, workers: int
) -> Iterator[tuple[str, BaseException | None]]:
    """One pool until all is done or a process dies; what ended is taken out of `left`."""
    # Not plain fork: swscale's threads do not survive it, and the first picture scaled would wait for ever.
    context = get_context("forkserver")
    context.set_forkserver_preload([do.__module__])
    with ProcessPoolExecutor(workers, context, initializer=drop_sys_nice) as pool:
        try:
            pending = {
                pool.submit(_marked, do, _marker(folder, name), arguments): name
                for name, arguments in left.items()
            }
            for future in as_completed(pending):
                error = future.exception()
                if isinstance(error, BrokenExecutor):
                    continue
                del left[pending[future]]
                yield pending[future], error
        except BrokenExecutor:
            return  # it died while jobs were still handed over
        finally:
            # Who interrupts waits for the jobs under way only, not for all that are planned.
            pool.shutdown(cancel_futures=True)


def _marked(do: Callable[..., None], marker: Path, arguments: tuple[Any, ...]) -> None:
    marker.touch()
    try:
        do(*arguments)
    finally:
        marker.unlink()


def _marker(folder: Path, name: str) -> Path:
    return folder / f".{name}.making"
