"""The book of one media segment: what its packets and frames add up to, over one job or over many parts."""

from __future__ import annotations

from dataclasses import replace

from qoed.decode.codec import Job
from qoed.decode.counts import Counts
from qoed.decode.measure import Cadence, Tally, cadence_of, counted, flagged
from qoed.decode.part import Part


class Book:
    """Opened with a media segment's first job, closed with its last."""

    def __init__(self, job: Job, *, from_start: bool) -> None:
        self.job = job
        """The newest job, without its media."""
        self.counts = Counts()
        self.cadence = Cadence()
        self.last_error = ""
        self.skipped = False
        """Whether pictures were left out on purpose."""
        self._from_start = from_start
        self._mark = Counts()
        self._announced_s = 0.0
        self.times: list[float] = []
        """Presentation times of all video packets, on the media's clock."""
        self._due: int | None = 0

    def enter(self, job: Job, part: Part) -> None:
        """Note a part's packets before they are decoded."""
        self.job = replace(job, media=b"")
        self._mark = self.counts.copy()
        self.counts.packets += len(part.pictures.packets)
        self.counts.sound_packets += len(part.sounds.packets)
        self.counts.packets_corrupt += part.corrupt
        self.counts.demux_errors += part.demux_errors
        self.last_error = part.last_error or self.last_error
        self._announced_s += job.duration_s
        self.times += part.pictures.known()
        self.cadence = cadence_of(self.times)

    def expect(self, pictures: int | None) -> None:
        """Note how many pictures must come of packets that are given to the decoder; None: nobody knows."""
        self._due = None if self._due is None or pictures is None else self._due + pictures

    def fresh(self) -> Counts:
        """What was counted since the newest job was entered."""
        return self.counts.since(self._mark)

    def settle(self) -> None:
        """The newest job's counts are told: what comes from now on is fresh."""
        self._mark = self.counts.copy()

    def end_s(self) -> float | None:
        """Time of the media's clock at which the last picture known so far ends."""
        return max(self.times) + (self.cadence.frame_s or 0.0) if self.times else None

    def tally(self) -> Tally:
        """What is known of the segment so far."""
        counts = self.counts
        return Tally(
            announced_s=self._announced_s,
            cadence=self.cadence,
            packets=counts.packets,
            packets_corrupt=counts.packets_corrupt,
            frames=counts.frames - counts.frames_before_key,
            frames_corrupt=counts.frames_corrupt,
            frames_due=self._frames_due(),
            decode_errors=counts.decode_errors,
            demux_errors=counts.demux_errors,
            sound_errors=counts.sound_errors,
        )

    def evidence(self, *, complete: bool) -> dict[str, int]:
        """Fresh damage, and, once all of the segment is decoded (`complete`), what counting it shows."""
        found = flagged(self.fresh())
        if complete and self._from_start and not self.counts.orphans:
            found |= counted(self.tally())
        return found

    def _frames_due(self) -> int | None:
        """Frames that the packets must yield; None when some were skipped, or no one knows."""
        if self.skipped or self._due is None:
            return None
        frames = self.counts.frames
        if self.counts.interlaced and abs(2 * frames - self._due) <= 2:  # a packet for each field
            return frames
        return self._due
