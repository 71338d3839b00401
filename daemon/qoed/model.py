"""The messages that travel from stage to stage: frozen, slotted, in data order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qoed.reason import Reason as Reason

Container = Literal["mpegts", "mp4", "matroska", "packed_audio", "image"]
"""How media are wrapped; packed audio is coded sound without a container (RFC 8216bis 3.1.4)."""


class Severity(StrEnum):
    """Severity of findings and alerts, mildest first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Phase(StrEnum):
    """A finding happens once (`event`) or lasts from a `start` to an `end`."""

    EVENT = "event"
    START = "start"
    END = "end"


class DropReason(StrEnum):
    """Why something did not reach the end of the pipeline; every drop carries one."""

    QUEUE_FULL = "queue_full"
    DECODE_TIMEOUT = "decode_timeout"
    DECODE_CRASHED = "decode_crashed"
    DECODE_REFUSED = "decode_refused"
    UNDECODABLE = "undecodable"
    POISONED = "poisoned"
    NO_VIDEO = "no_video"
    ORPHANED = "orphaned"
    """A part whose pictures refer to others that never reached its decoder."""
    ENGINE_FAULT = "engine_fault"
    PUBLISH_FULL = "publish_full"
    PUBLISH_REFUSED = "publish_refused"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One rung of a ladder. `id` is unique in its stream and safe in keys and labels (`720p-2500k`)."""

    id: str
    bandwidth_bps: int | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    codecs: str | None = None
    audio_only: bool = False
    """A rendition of sound alone (EXT-X-MEDIA TYPE=AUDIO, an audio AdaptationSet): no picture is expected."""
    separate_audio: bool = False
    """Its sound comes as a rendition of its own: none is expected in this one, whatever `codecs` says."""
    declared: bool = True
    """What is said of it comes from a playlist or MPD; False: from the media themselves."""
    buffer_s: float = 0.0
    """`bandwidth_bps` carries the rendition after so many seconds of buffering (DASH minBufferTime); 0: it is
    the peak (HLS)."""
    stray_s: float = 0.0
    """Durations of its segments are approximate: they may be off by so much (DASH @duration)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireTimings:
    """One HTTP exchange by phases, in seconds; None where one did not happen (a reused connection)."""

    dns_s: float | None = None
    connect_s: float | None = None
    ttfb_s: float | None = None
    download_s: float | None = None
    total_s: float = 0.0
    bytes: int = 0
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Media bytes of one rendition with their place on the stream's media timeline.

    `media_time_s` counts seconds of media from the first segment seen (of any rendition) and never runs
    backwards, over discontinuities too. `data` is already decrypted; `init` is the EXT-X-MAP section.
    """

    stream: str
    rendition: Rendition
    sequence: int
    media_time_s: float
    duration_s: float
    container: Container
    data: bytes = field(repr=False)
    init: bytes = field(default=b"", repr=False)
    discontinuity: bool = False
    continues: bool = False
    """The bitstream goes on where the rendition's `Segment` before it ended (LL-HLS parts after the first):
    the decoder need not begin at a key frame."""
    unfinished: bool = False
    """More of the same media segment follows in the next `Segment` of the rendition."""
    transport_checked: bool = False
    """Its transport packets (TR 101 290) were judged where they arrived; do not judge them again."""
    program_date_time: datetime | None = None
    received_s: float = 0.0
    """`Clock.monotonic` when the last byte arrived."""
    timings: WireTimings = WireTimings()

    @property
    def size(self) -> int:
        """Bytes held, init section included."""
        return len(self.data) + len(self.init)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionGone:
    """A rendition left the ladder while its stream runs on: nothing more comes of it."""

    stream: str
    rendition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong (or notable), with the evidence for it."""

    stream: str
    rendition: str | None
    reason: Reason
    severity: Severity
    phase: Phase = Phase.EVENT
    media_time_s: float | None = None
    value: float | None = None
    unit: str | None = None
    message: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    """Flat JSON values; URLs only in redacted form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What the network sees of one second: `frames` is `uint8 [T,H,W,3]` RGB at network size."""

    stream: str
    rendition: str
    media_time_s: float
    frames: NDArray[np.uint8] = field(repr=False)
    degraded: str | None = None
    """Why the measurement is not of full worth (damaged frames), else None."""
    abstain: str | None = None
    """Why the network must not be asked (black picture), else None."""
    received_s: float = 0.0
    depth: str | None = None
    """How deep its stream was looked at: full, light or extra_light."""
    holds_s: float | None = None
    """Seconds after its start within which the next clip is due, where that is longer than its span."""


class Outcome(StrEnum):
    """How one segment fared in the decoder."""

    OK = "ok"
    DAMAGED = "damaged"
    UNDECODABLE = "undecodable"
    NO_VIDEO = "no_video"
    ORPHANED = "orphaned"
    """Nothing is wrong with it, but what came before it is missing: decoding begins at the next key frame."""
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    POISONED = "poisoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What decoding one segment measured. None is "not measured", never zero."""

    width: int | None = None
    height: int | None = None
    codec: str | None = None
    frame_rate: float | None = None
    frames_expected: int | None = None
    packets: int = 0
    frames_decoded: int = 0
    frames_corrupt: int = 0
    video_duration_s: float | None = None
    blockiness: float | None = None
    loudness_lufs: float | None = None
    has_audio: bool = False
    sample_aspect: float | None = None
    """Width of a pixel over its height, where the media says."""
    interlaced: bool | None = None
    """Whether decoded pictures were interlaced; None: none was decoded."""
    video_start_s: float | None = None
    """Presentation time of the first picture on the media's own clock, unwrapped by nobody."""
    audio_codec: str | None = None
    audio_start_s: float | None = None
    audio_duration_s: float | None = None
    audio_sample_rate: int | None = None
    audio_channels: int | None = None
    codecs: str | None = None
    """What the media is by RFC 6381, video first: `avc1.64001f,mp4a.40.2`."""
    key_frames_s: tuple[float, ...] = ()
    """Key frames, in seconds from the segment's first picture."""
    clock_period_s: float | None = None
    """After so many seconds the media's clock begins anew (2^33 / 90 kHz in MPEG-TS); None: never."""
    depth: str | None = None
    """How deep it was decoded: full, light or extra_light."""
    decode_cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A segment after its worker: clips at network size, findings and measures; full pictures stay behind."""

    segment: Segment
    outcome: Outcome
    clips: tuple[Clip, ...] = ()
    findings: tuple[Finding, ...] = ()
    measures: Measures = Measures()
    detail: str = ""


class Quality(StrEnum):
    """Worth of one measurement."""

    OK = "ok"
    DEGRADED = "degraded"
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Quality of one clip: 0-100, higher is better, with a conformal interval.

    `score`, `lo`, `hi` and `mos` are None exactly when `quality` is `abstained`; `reason` then says why.
    """

    stream: str
    rendition: str
    media_time_s: float
    score: float | None
    lo: float | None
    hi: float | None
    mos: float | None
    distortions: dict[str, float]
    model: str
    quality: Quality = Quality.OK
    reason: str | None = None
    received_s: float = 0.0
    depth: str | None = None
    """As in `Clip`."""
    holds_s: float | None = None
    """As in `Clip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Aggregate of a rendition's scores over the last `window_s` seconds of media time.

    `coverage` is the share of the window that scores cover (0-1); without any score the statistics are None.
    `lo` and `hi` are the means of the intervals' ends.
    """

    stream: str
    rendition: str
    window_s: float
    media_time_s: float
    count: int
    coverage: float
    mean: float | None
    p05: float | None
    min: float | None
    lo: float | None
    hi: float | None
    vs_top: float | None = None
    """Mean difference to the ladder's top rung over the seconds that both have scores for; the top rung is a
    pseudo-reference, so content cancels out. None without a higher rung or without common seconds."""
    vs_top_count: int = 0
    """The seconds that `vs_top` is the mean of."""
    reach: float | None = None
    """Coverage as the depth promises it (0-1): a score reaches to where the next is due; None: `coverage`."""


class AlertState(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Cause(StrEnum):
    """Where the trouble most likely sits."""

    SOURCE = "source"
    ENCODER = "encoder"
    PACKAGER = "packager"
    CDN = "cdn"
    NETWORK = "network"
    PROBE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """One edge of one alert episode.

    `fingerprint` is stable for (stream, rendition, rule); `episode` for one pending-to-resolved run;
    `event_id` for one edge of it, so a consumer can deduplicate.
    """

    stream: str
    rendition: str | None
    rule: str
    fingerprint: str
    episode: str
    event_id: str
    state: AlertState
    severity: Severity
    value: float | None
    threshold: float | None
    window: str | None
    cause: Cause | None
    message: str
    started_at: datetime
    at: datetime
    media_time_s: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
