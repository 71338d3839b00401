"""From a stream's level to each segment's depth, and what the clips of such a segment are worth.

Key frames alone make no score: the network takes a clip that stands still for one whose pictures are held,
and scored it 20 to 40 points lower. At extra_light, one segment in every `SAMPLE_EVERY_S` is therefore
decoded as light; its clips are worth as much as any, and the rest of the media is watched but not scored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import cast

from qoed.decode.options import Depth
from qoed.model import Decoded, Segment

SAMPLE_EVERY_S = 20.0
"""At extra_light the first segment of each such stretch of media is scored, the same in all renditions."""
SAMPLE_HOLDS_S = 30.0
"""How long the scores of such a segment may stand alone: the next one is that far away with 10 s segments."""
_EDGE_S = 0.25
"""Renditions whose segments begin a little apart still choose the same ones."""


@dataclass(frozen=True, slots=True)
class _Choice:
    level: Depth
    depth: Depth


class Sampling:
    """Chooses depths for the segments of one stream, rendition by rendition, in decoding order."""

    def __init__(self) -> None:
        self._chosen: dict[str, _Choice] = {}
        self._stretches: dict[str, int] = {}

    def choose(self, segment: Segment, level: Depth) -> Depth:
        """How deep to decode `segment` when its stream is at `level`; parts of one segment alike."""
        rendition = segment.rendition.id
        known = self._chosen.get(rendition)
        if segment.continues and known is not None:
            return known.depth
        depth = level
        if level == "extra_light":
            stretch = math.floor((segment.media_time_s + _EDGE_S) / SAMPLE_EVERY_S)
            if self._stretches.get(rendition) != stretch:
                self._stretches[rendition] = stretch
                depth = "light"
        else:
            self._stretches.pop(rendition, None)
        self._chosen[rendition] = _Choice(level, depth)
        return depth

    def mark(self, decoded: Decoded) -> tuple[Decoded, Depth]:
        """The newest segment's result with only the clips that can be scored, and the depth chosen for it."""
        choice = self._chosen.get(decoded.segment.rendition.id, _Choice("light", "light"))
        whole = choice.depth != "extra_light" or decoded.segment.container == "image"
        worthy = (clip for clip in decoded.clips if whole or clip.abstain is not None)
        holds_s = SAMPLE_HOLDS_S if choice.level == "extra_light" else None
        clips = tuple(replace(clip, depth=choice.level, holds_s=holds_s) for clip in worthy)
        return replace(decoded, clips=clips), choice.depth

    def forget(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self._chosen.pop(rendition, None)
        self._stretches.pop(rendition, None)


def level_name(level: str) -> Depth:
    """A level's name as the decoder's option."""
    return cast("Depth", level)
