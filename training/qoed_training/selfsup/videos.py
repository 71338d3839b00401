"""Any folder of unlabelled videos: what can be used, and which moments of it are looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qoed_engine.preprocess import SCREEN_ASPECT
from qoed_training.data.corpus import CorpusError, duration_s, opened, read_corpus

SUFFIXES = frozenset(
    "3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv y4m".split()  # noqa: SIM905
)
LEAST = 2
"""Videos needed: contrast has no other to tell one from."""


@dataclass(frozen=True, slots=True)
class Video:
    """One readable video; `name` is its path inside the folder, sizes are of square pixels."""

    name: str
    path: Path
    width: int
    height: int
    bytes: int
    fps: float
    seconds: float
    """By its header; 0 where that is silent."""


@dataclass(frozen=True, slots=True)
class Section:
    """`count` frames of a video from `start_s`, every `every`-th, fitted into a screen of `lines` lines."""

    video: Video
    start_s: float
    count: int
    every: int
    lines: int

    @property
    def name(self) -> str:
        """Stable file stem; changes with anything that changes the pixels."""
        parts = (self.video.name, self.video.bytes, self.start_s, self.count, self.every, self.lines)
        return f"{self.video.path.stem}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:10]}"

    @property
    def fps(self) -> float:
        """Frames a second after thinning."""
        return self.video.fps / self.every

    @property
    def size(self) -> tuple[int, int]:
        """`(width, height)` of its frames, even; a picture smaller than the screen keeps its size."""
        video = self.video
        scale = min(1.0, self.lines / video.height, self.lines * SCREEN_ASPECT / video.width)
        return max(16, 2 * round(video.width * scale / 2)), max(16, 2 * round(video.height * scale / 2))

    @property
    def shape(self) -> tuple[int, int, int]:
        """`[N, H*3/2, W]` of its packed `yuv420p` frames, one byte each, if all of them decode."""
        width, height = self.size
        return (self.count, height * 3 // 2, width)


def find_videos(folder: Path) -> Generator[str, None, list[Video]]:
    """Readable videos of a folder and the folders in it, by name; yields a line for each one left out.

    Where a `sources.csv` says that videos are held out for judging, they are left out too. Raises
    `CorpusError` when too few remain.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is no folder: point --videos at a folder of videos")
    held_out = set()
    if (folder / "sources.csv").is_file():
        held_out = {source.path for source in read_corpus(folder) if source.split != "train"}
    videos = []
    for path in sorted(folder.rglob("*")):
        if path.suffix[1:].lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        if path in held_out:
            yield f"{name} left out: sources.csv keeps its production for judging"
            continue
        try:
            videos.append(_probe(path, name))
        except CorpusError as error:
            yield f"{name} left out: {error}"
    require(folder, videos)
    return videos


def require(folder: Path, videos: Sequence[Video]) -> None:
    """Raises `CorpusError` when there are too few videos to learn from."""
    if len(videos) < LEAST:
        raise CorpusError(
            f"{folder}: {len(videos) or 'no'} usable video{'s' * (len(videos) != 1)}, at least {LEAST} are "
            "needed: point --videos at a folder of videos"
        )


def _probe(path: Path, name: str) -> Video:
    with opened(path) as (_container, stream):
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0
        width, height = round(stream.width * aspect), stream.height
        fps = float(stream.average_rate or 25)
    if width < 1 or height < 1:
        raise CorpusError(f"{path} has no picture size, it may be truncated")
    return Video(name, path, width, height, path.stat().st_size, fps, max(0.0, duration_s(path)))


def plan_sections(
    videos: Sequence[Video], *, sections: int, count: int, lines: int, max_fps: float, seed: int
) -> dict[Video, list[Section]]:
    """Spread `sections` sections of `count` frames over each video, places drawn from `seed`.

    A video shorter than one section gives one that holds all of it.
    """
    plan = {}
    for video in videos:
        digest = hashlib.sha256(video.name.encode()).hexdigest()
        rng = np.random.default_rng([seed, int(digest[:8], 16)])
        every = max(1, round(video.fps / max_fps))
        there = int(video.seconds * video.fps / every) if video.seconds else count
        room = max(0.0, (there - count) * every / video.fps)
        starts = {
            round(room * (index + float(rng.random())) / sections, 2)
            for index in range(sections if room else 1)
        }
        wanted = max(1, min(count, there))
        plan[video] = [Section(video, start, wanted, every, lines) for start in sorted(starts)]
    return plan


def digest_of(plan: dict[Video, list[Section]]) -> str:
    """Names the material: changes with any section."""
    names = [section.name for sections in plan.values() for section in sections]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


__all__ = ["Section", "Video", "digest_of", "find_videos", "plan_sections", "require"]
