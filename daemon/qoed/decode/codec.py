"""Messages as JSON values and back: a job for the worker, its result for the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from qoed.decode.options import DecodeOptions
from qoed.decode.protocol import ProtocolError
from qoed.model import (
    Clip,
    Container,
    Decoded,
    Finding,
    Measures,
    Outcome,
    Phase,
    Reason,
    Segment,
    Severity,
)
from qoed.ts.report import Limits
from qoed_engine.manifest import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One segment for the worker. `opened` are the rendition's open conditions and when they began."""

    stream: str
    rendition: str
    media_time_s: float
    duration_s: float
    container: Container
    media: memoryview | bytes = field(repr=False)
    """Init section and segment, in one piece."""
    options: DecodeOptions
    opened: Mapping[Reason, float]
    init_length: int = 0
    """Bytes of `media` that are its init section."""
    sequence: int = 0
    continues: bool = False
    unfinished: bool = False
    discontinuity: bool = False
    audio_only: bool = False
    """No picture is expected."""
    transport_checked: bool = False
    """Its transport packets were judged where they arrived."""

    @property
    def end_s(self) -> float:
        """Media time at which it ends."""
        return self.media_time_s + self.duration_s

    @property
    def whole(self) -> bool:
        """Whether it is a media segment, not a part of one."""
        return not self.continues and not self.unfinished


@dataclass(frozen=True, slots=True, kw_only=True)
class CutClip:
    """A clip as the worker cuts it."""

    media_time_s: float
    frames: NDArray[np.uint8] = field(repr=False)
    degraded: str | None = None
    abstain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the worker found out about one job."""

    outcome: Outcome
    clips: tuple[CutClip, ...] = ()
    findings: tuple[Finding, ...] = ()
    measures: Measures = field(default_factory=Measures)
    detail: str = ""


def job_header(segment: Segment, options: DecodeOptions, opened: Mapping[Reason, float]) -> dict[str, Any]:
    """The header that goes with a segment's bytes."""
    return {
        "stream": segment.stream,
        "rendition": segment.rendition.id,
        "media_time_s": segment.media_time_s,
        "duration_s": segment.duration_s,
        "container": segment.container,
        "options": asdict(options),
        "opened": {str(reason): since for reason, since in opened.items()},
        "init_length": len(segment.init),
        "sequence": segment.sequence,
        "continues": segment.continues,
        "unfinished": segment.unfinished,
        "discontinuity": segment.discontinuity,
        "audio_only": segment.rendition.audio_only,
        "transport_checked": segment.transport_checked,
    }


def job_of(header: dict[str, Any], media: bytearray) -> Job:
    """The job of a message."""
    fields = dict(header)
    fields["options"] = _options(fields["options"])
    fields["opened"] = {Reason(reason): since for reason, since in fields["opened"].items()}
    return Job(**fields, media=memoryview(media))


def _options(fields: dict[str, Any]) -> DecodeOptions:
    limits = fields["transport"]
    return DecodeOptions(**{**fields, "transport": None if limits is None else Limits(**limits)})


def result_header(result: Result) -> dict[str, Any]:
    """The header that goes with a result's clips."""
    return {
        "outcome": result.outcome,
        "detail": result.detail,
        "measures": asdict(result.measures),
        "findings": [asdict(finding) for finding in result.findings],
        "clips": [
            {"media_time_s": clip.media_time_s, "degraded": clip.degraded, "abstain": clip.abstain}
            for clip in result.clips
        ],
    }


def decoded_of(segment: Segment, header: dict[str, Any], body: bytearray, recipe: Recipe) -> Decoded:
    """The worker's answer as the pipeline's message. Raises `ProtocolError` for one that cannot be."""
    try:
        shape = (len(header["clips"]), *recipe.clip_shape)
        frames = np.frombuffer(body, dtype=np.uint8).reshape(shape)
        clips = tuple(
            Clip(
                stream=segment.stream,
                rendition=segment.rendition.id,
                media_time_s=clip["media_time_s"],
                frames=frames[index],
                degraded=clip["degraded"],
                abstain=clip["abstain"],
                received_s=segment.received_s,
                depth=header["measures"]["depth"],
            )
            for index, clip in enumerate(header["clips"])
        )
        return Decoded(
            segment=segment,
            outcome=Outcome(header["outcome"]),
            clips=clips,
            findings=tuple(_finding(segment, fields) for fields in header["findings"]),
            measures=_measures(header["measures"]),
            detail=str(header["detail"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"malformed result: {error}") from error


def _measures(fields: dict[str, Any]) -> Measures:
    return Measures(**{**fields, "key_frames_s": tuple(fields["key_frames_s"])})


def _finding(segment: Segment, fields: dict[str, Any]) -> Finding:
    finding = Finding(
        **{
            **fields,
            "reason": Reason(fields["reason"]),
            "severity": Severity(fields["severity"]),
            "phase": Phase(fields["phase"]),
        }
    )
    return replace(finding, stream=segment.stream, rendition=cast("str | None", segment.rendition.id))
