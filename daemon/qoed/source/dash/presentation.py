"""The watched renditions of an MPD, over all its Periods, on one line of time."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from qoed.model import Rendition
from qoed.source.dash.addressing import (
    MediaSegment,
    listed_end_s,
    listed_start_s,
    promised,
    segments,
    stray_s,
    target_s,
)
from qoed.source.dash.mpd import AdaptationSet, Mpd, Period, Representation
from qoed.source.ladder import rendition_of, unique_id
from qoed.source.selector import Selector

_KEPT_NAMES = 256
_START_TARGETS = 3
AHEAD_S = 60.0
"""A list further ahead of the clock than this shows that the MPD's availability times are no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A rendition within one Period."""

    rendition: Rendition
    representation: Representation
    period: Period
    aligned: bool
    """Its segment boundaries are to agree with those of `group`."""
    group: int
    """Number of its AdaptationSet in the Period."""
    continues: bool
    """It goes on where the Period before ends (period continuity or connectivity, 5.3.2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A segment of a track; `at_s` is its place on the presentation's line."""

    track: Track
    segment: MediaSegment
    at_s: float

    @property
    def end_s(self) -> float:
        """Where it ends on the line."""
        return self.at_s + self.segment.duration_s

    @property
    def origin_s(self) -> float:
        """Place of presentation time 0 on the line, as the MPD said that lists it."""
        return self.at_s - self.segment.start_s

    @property
    def due_s(self) -> float:
        """When it can be had, in seconds since 1970 (5.3.9.5.3); of live presentations only."""
        return self.end_s - self.segment.early_s


Swap = Callable[[Representation], Representation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """An MPD with the tracks that are watched, by Period in order. Its line counts seconds since 1970 where
    the MPD is, or was, live, and else presentation time."""

    mpd: Mpd
    origin_s: float
    """Place of presentation time 0 on the line."""
    tracks: tuple[Mapping[str, Track], ...]
    ladder: tuple[Rendition, ...]
    """All renditions that it has, watched or not."""

    @property
    def live(self) -> bool:
        """Segments come as time goes on."""
        return self.mpd.dynamic

    @property
    def names(self) -> list[str]:
        """Ids of the watched renditions, in order of appearance."""
        return list(dict.fromkeys(name for tracks in self.tracks for name in tracks))

    def of(self, name: str) -> list[Track]:
        """The tracks of one rendition, by Period."""
        return [tracks[name] for tracks in self.tracks if name in tracks]

    def steps(self, name: str, from_s: float, swap: Swap) -> Iterator[Step]:
        """Segments of a rendition that lie for more than half after `from_s`, made as they are taken.

        `swap` gives a Representation whose index was read for one whose index was not.
        """
        wanted = from_s - self.origin_s
        for track in self.of(name):
            end = track.period.end_s
            if end is not None and end <= wanted:
                continue
            from_here = max(wanted, track.period.start_s)
            for segment in segments(swap(track.representation), track.period, from_here):
                yield Step(track=track, segment=segment, at_s=self.origin_s + segment.start_s)

    def edge_s(self, name: str, now_s: float) -> float | None:
        """How far a rendition can be had at `now_s`; None: not at all yet."""
        for track in reversed(self.of(name)):
            period, how = track.period, track.representation.addressing
            limit = math.inf if period.end_s is None else self.origin_s + period.end_s
            soon = now_s + how.early_s
            if (rule := promised(track.representation, period)) is not None:
                begin, length = self.origin_s + rule[0], rule[1]
                whole = math.floor((min(soon, limit) - begin) / length + 1e-6)
                if whole >= 1:
                    return begin + whole * length
            if (listed := listed_end_s(track.representation, period)) is not None:
                end = self.origin_s + listed
                return min(end if end - now_s > AHEAD_S else min(end, soon), limit)
        return None

    def listed_s(self, name: str) -> float | None:
        """How far lists reach for a rendition; None: nothing is listed."""
        ends = [listed_end_s(track.representation, track.period) for track in self.of(name)]
        return max((self.origin_s + end for end in ends if end is not None), default=None)

    def listed_span_s(self, name: str) -> float:
        """Seconds that the newest list of a rendition holds."""
        for track in reversed(self.of(name)):
            begin = listed_start_s(track.representation, track.period)
            end = listed_end_s(track.representation, track.period)
            if begin is not None and end is not None:
                return end - begin
        return math.inf

    def reach_s(self, name: str, now_s: float) -> float:
        """How far the MPD reaches for a rendition: `inf` where segments are promised without end."""
        reach = self.listed_s(name) or -math.inf
        for track in self.of(name):
            if promised(track.representation, track.period) is not None:
                end = track.period.end_s
                reach = math.inf if end is None else max(reach, min(self.origin_s + end, now_s))
        return reach

    def window_s(self, name: str, now_s: float) -> float:
        """Where what can still be had begins."""
        start = -math.inf
        tracks = self.of(name)
        if tracks:
            listed = listed_start_s(tracks[0].representation, tracks[0].period)
            start = self.origin_s + (tracks[0].period.start_s if listed is None else listed)
        if self.live and self.mpd.buffer_s is not None:
            start = max(start, now_s - self.mpd.buffer_s - self.target_s(name))
        return start

    def target_s(self, name: str) -> float:
        """Seconds of the longest newest segment of a rendition; 0.0: not known."""
        tracks = self.of(name)
        return target_s(tracks[-1].representation, tracks[-1].period) if tracks else 0.0

    def start_s(self, now_s: float, start_segments: int | None) -> float | None:
        """Where all renditions are joined: the begin, or far enough from the live edge; None: nothing yet."""
        if not self.live:
            return -math.inf
        name = next(iter(self.tracks[-1] or self.names), None)
        edge = None if name is None else self.edge_s(name, now_s)
        if name is None or edge is None:
            return None
        target = self.target_s(name)
        delay = self.mpd.delay_s or _START_TARGETS * target
        if start_segments is not None:
            delay = start_segments * target
        return max(edge - delay, self.window_s(name, now_s))

    def over(self, now_s: float) -> bool:
        """Nothing will be added: static, or live with an end that has passed and no more updates."""
        mpd = self.mpd
        if not mpd.dynamic:
            return True
        end = mpd.periods[-1].end_s if mpd.periods else None
        return mpd.update_s is None and end is not None and now_s > self.origin_s + end


class Ladder:
    """Names renditions and chooses those that are watched; names stay with what they named first."""

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._names: OrderedDict[tuple[str, str, int | None], str] = OrderedDict()
        self._origin_s = 0.0
        self._buffer_s = 0.0

    def arrange(self, mpd: Mpd) -> Presentation:
        """The watched tracks of an MPD: chosen video, and one sound rendition where sound is apart."""
        if mpd.dynamic:
            self._origin_s = mpd.available_s
        self._buffer_s = mpd.min_buffer_s
        ladder: dict[str, Rendition] = {}
        tracks = []
        for period in mpd.periods:
            listed = self._period(period)
            ladder |= {each.rendition.id: each.rendition for each in listed}
            tracks.append(self._chosen(listed))
        return Presentation(
            mpd=mpd, origin_s=self._origin_s, tracks=tuple(tracks), ladder=tuple(ladder.values())
        )

    def _period(self, period: Period) -> list[Track]:
        """All video tracks of a Period and its one sound track; where there is no video, all sound."""
        numbered = list(enumerate(period.sets))
        video = [each for each in numbered if each[1].kind == "video"]
        audio = [each for each in numbered if each[1].kind == "audio"]
        taken: set[str] = set()
        if not video:
            return [
                self._track(period, number, each, one, taken, audio_only=True)
                for number, each in audio
                for one in each.representations
            ]
        tracks = [
            self._track(period, number, each, one, taken, separate_audio=bool(audio))
            for number, each in video
            for one in each.representations
        ]
        # The AdaptationSet of Role main, else the first one.
        for number, each in sorted(audio, key=lambda one: not one[1].main)[:1]:
            best = sorted(each.representations, key=lambda one: -(one.bandwidth_bps or 0))[:1]
            tracks += [self._track(period, number, each, one, taken, audio_only=True) for one in best]
        return tracks

    def _track(
        self,
        period: Period,
        group: int,
        adaptation: AdaptationSet,
        representation: Representation,
        taken: set[str],
        *,
        audio_only: bool = False,
        separate_audio: bool = False,
    ) -> Track:
        height = representation.height
        rendition = replace(
            rendition_of(
                bandwidth_bps=representation.bandwidth_bps,
                width=representation.width,
                height=height,
                frame_rate=representation.frame_rate,
                codecs=representation.codecs,
            ),
            audio_only=audio_only,
            separate_audio=separate_audio,
            buffer_s=self._buffer_s,
            stray_s=stray_s(representation),
        )
        if rendition.audio_only and not rendition.id.startswith("audio"):
            rendition = replace(rendition, id=f"audio-{rendition.id}".removesuffix("-variant"))
        key = (adaptation.kind, representation.id, height)
        known = self._names.get(key)
        if representation.id and known is not None and known not in taken:
            rendition = replace(rendition, id=known)
        else:
            rendition = unique_id(rendition, taken)
            self._names[key] = rendition.id
            while len(self._names) > _KEPT_NAMES:
                self._names.popitem(last=False)
        taken.add(rendition.id)
        return Track(
            rendition=rendition,
            representation=representation,
            period=period,
            aligned=adaptation.aligned,
            group=group,
            continues=adaptation.continues,
        )

    def _chosen(self, listed: list[Track]) -> dict[str, Track]:
        """What the selector takes; of a Period with video, its sound as well when it takes any video."""
        video = [each.rendition for each in listed if not each.rendition.audio_only]
        wanted = {each.id for each in self._selector.choose(video or [each.rendition for each in listed])}
        if video and wanted:
            wanted |= {each.rendition.id for each in listed if each.rendition.audio_only}
        return {each.rendition.id: each for each in listed if each.rendition.id in wanted}
