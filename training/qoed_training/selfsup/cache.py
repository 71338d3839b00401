"""Decoded sections on disk, as many as fit; the others are decoded anew whenever they are wanted.

A section is one `.npy` of packed `yuv420p` frames, mapped and not read, beside a `.json` with what its pixels
mean. The `.json` is written last and says that the section decodes, stored or not: a larger cap or a second
run starts from there. How much fits changes how long training takes, never what it sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from qoed_training.atomic import replacing, write_text
from qoed_training.data.corpus import CorpusError, opened
from qoed_training.selfsup.videos import Section

WHOLE_SHARE = 0.75
"""A video that gives fewer of the frames that its header promises is truncated."""


@dataclass(frozen=True, slots=True)
class Colour:
    """Matrix and range of the pixels as FFmpeg numbers them."""

    space: int
    levels: int


@dataclass(frozen=True, slots=True)
class Clip:
    """Decoded frames, packed `yuv420p` `uint8 [N, H*3/2, W]`, and their colour."""

    packed: NDArray[np.uint8]
    colour: Colour

    def frames(self, indices: Sequence[int]) -> list[av.VideoFrame]:
        """The frames of some indices, each with pixels of its own."""
        made = []
        for index in indices:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(self.packed[index]), format="yuv420p")
            frame.colorspace, frame.color_range = self.colour.space, self.colour.levels
            made.append(frame)
        return made


class SectionCache:
    """Sections in `folder`, which several runs may share; its arrays never exceed `cap_bytes`."""

    def __init__(self, folder: Path, cap_bytes: int) -> None:
        self._folder = folder
        self._cap = cap_bytes

    def fill(self, sections: Sequence[Section]) -> Iterator[str]:
        """Decode every section once and keep what fits, yielding a progress line for each; resumes.

        Raises `CorpusError` for the first one that does not decode.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        used = sum(path.stat().st_size for path in self._folder.glob("[!.]*.npy"))
        for number, section in enumerate(sections, 1):
            fits = used + _bytes(section) <= self._cap
            if self._note(section).exists() and (self._array(section).exists() or not fits):
                continue
            clip = decode(section)
            if fits:
                self._keep(section, clip.packed)
                used += self._array(section).stat().st_size
            write_text(self._note(section), json.dumps(asdict(clip.colour)))
            where = f"kept, {used / 2**20:.0f} MB in all" if fits else "no room, decoded when wanted"
            yield f"section {number}/{len(sections)} {section.name} {where}"

    def read(self, section: Section) -> Clip:
        """A section, mapped from disk where it is kept, else decoded. Raises `CorpusError`."""
        try:
            packed = np.load(self._array(section), mmap_mode="r", allow_pickle=False)
            return Clip(packed, Colour(**json.loads(self._note(section).read_bytes())))
        except FileNotFoundError:
            return decode(section)
        except (OSError, ValueError, TypeError) as error:
            raise CorpusError(f"{self._array(section)} is spoilt ({error}): delete it and repeat") from error

    def _keep(self, section: Section, packed: NDArray[np.uint8]) -> None:
        try:
            with replacing(self._array(section)) as temporary, temporary.open("wb") as file:
                np.save(file, packed)
        except OSError as error:
            raise CorpusError(
                f"{self._folder} cannot hold the cache ({error.strerror}): free some room or lower --cache-gb"
            ) from error

    def _array(self, section: Section) -> Path:
        return self._folder / f"{section.name}.npy"

    def _note(self, section: Section) -> Path:
        return self._folder / f"{section.name}.json"


def _bytes(section: Section) -> int:
    frames, rows, columns = section.shape
    return frames * rows * columns + 128  # and the head of the file


def decode(section: Section) -> Clip:
    """Decode a section at its small size. Raises `CorpusError` when the video does not hold it."""
    video, (width, height) = section.video, section.size
    reformatter, packed, colour = VideoReformatter(), [], None
    try:
        for frame in _frames(section):
            if colour is None:
                colour = _colour(frame)
            small = reformatter.reformat(
                frame, width=width, height=height, format="yuv420p", interpolation=Interpolation.BICUBIC
            )
            packed.append(small.to_ndarray())
    except (av.error.FFmpegError, OSError) as error:
        raise CorpusError(
            f"{video.path} does not decode at {section.start_s:.1f} s ({error.strerror})"
        ) from error
    if colour is None or len(packed) < WHOLE_SHARE * section.count:
        raise CorpusError(
            f"{video.path} gives {len(packed)} of {section.count} frames at {section.start_s:.1f} s, "
            "it may be truncated"
        )
    return Clip(np.stack(packed), colour)


def _frames(section: Section) -> Iterator[av.VideoFrame]:
    """Every `every`-th frame from `start_s` on, `count` of them or fewer."""
    with opened(section.video.path) as (container, stream):
        base = float(stream.time_base or 1)
        origin = float(stream.start_time or 0) * base
        if section.start_s > 0:
            container.seek(int((origin + section.start_s) / base), stream=stream)
        index = 0
        for frame in container.decode(stream):
            # A stream without time stamps cannot be sought in either: it is taken from its start.
            if frame.time is not None and float(frame.time) - origin < section.start_s:
                continue
            if index % section.every == 0:
                yield frame
            index += 1
            if index >= section.count * section.every:
                return


def _colour(frame: av.VideoFrame) -> Colour:
    """As `qoed_engine.preprocess` would guess it at the video's own size: the small one would mislead it."""
    space = int(frame.colorspace)
    if space == _UNSPECIFIED:
        space = _BT709 if frame.height >= 720 else _BT601
    return Colour(space, int(frame.color_range))


_UNSPECIFIED, _BT709, _BT601 = 2, 1, 5
