"""Jobs in child processes: each ends once, and one that kills its process costs only itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from qoed_training.data.corpus import CorpusError
from qoed_training.data.workers import WorkerDied, in_processes


def job(folder: Path, kind: str) -> None:
    with (folder / "log").open("a") as log:
        log.write(f"{kind}\n")
    if kind.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    if kind.startswith("bad"):
        raise ValueError(kind)


def run(folder: Path, *kinds: str, workers: int = 2) -> dict[str, BaseException | None]:
    return dict(in_processes(job, {kind: (folder, kind) for kind in kinds}, folder, workers=workers))


def test_every_job_ends_with_its_own_result(tmp_path: Path) -> None:
    """Good jobs end with None, bad ones with their error, and no marker stays behind."""
    ended = run(tmp_path, "a", "bad b", "c")

    assert {name: type(error) for name, error in ended.items()} == {
        "a": type(None),
        "bad b": ValueError,
        "c": type(None),
    }
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_a_job_that_kills_its_process_costs_only_itself(tmp_path: Path) -> None:
    """The others end well, the deadly one is tried once more alone and then given up."""
    good = [f"good {index}" for index in range(12)]
    ended = run(tmp_path, *good[:6], "deadly", *good[6:])

    assert isinstance(ended.pop("deadly"), WorkerDied)
    assert len(ended) == 12
    assert set(ended.values()) == {None}
    assert (tmp_path / "log").read_text().splitlines().count("deadly") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_processes_that_never_begin_are_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process lives long enough to begin, the message names the likely cause and the remedy."""
    monkeypatch.setattr("qoed_training.data.workers.drop_sys_nice", os.abort)
    with pytest.raises(CorpusError, match="want of memory: repeat the command with fewer --workers"):
        run(tmp_path, "a")
