"""What is said of a job after it was played: outcome, findings, measures."""

from __future__ import annotations

from typing import Any

from qoed.decode.book import Book
from qoed.decode.codec import CutClip, Job, Result
from qoed.decode.codec_name import audio_codec, video_codec
from qoed.decode.findings import damage_event, event
from qoed.decode.measure import cadence_of
from qoed.decode.media import cut_inside_packet
from qoed.decode.part import Part, Track
from qoed.decode.rendition import RenditionState
from qoed.decode.session import Session
from qoed.model import Finding, Measures, Outcome, Reason, Severity

ORPHANED = "it refers to pictures that were lost on the way here; decoding goes on at the next key frame"


def conclude(
    job: Job, part: Part, session: Session, state: RenditionState, clips: tuple[CutClip, ...]
) -> Result:
    """The result of a job, which ends its media segment unless it is unfinished."""
    book, closing = session.book, not job.unfinished
    evidence = book.evidence(complete=closing) | _container_damage(job, part, state)
    outcome, detail, events = Outcome.OK, "", list[Finding]()
    if closing and (nothing := _nothing(job, session, evidence)) is not None:
        outcome, detail, events = nothing[0], nothing[1].message, [nothing[1]]
    elif book.fresh().orphans and not book.fresh().frames:
        outcome, detail = Outcome.ORPHANED, ORPHANED
    elif evidence:
        outcome = Outcome.DAMAGED
    if evidence and outcome is not Outcome.UNDECODABLE:
        events.append(damage_event(job, evidence))
        detail = detail or events[-1].message
    blockiness = _blockiness(job, state)  # may add a finding
    measures = _measures(job, part, session, state, blockiness)
    return Result(
        outcome=outcome,
        clips=clips,
        findings=tuple(events),
        measures=measures,
        detail=detail,
    )


def conclude_late(session: Session, *, complete: bool) -> list[Finding]:
    """Findings of a media segment of which nobody knew that its last part was the last."""
    evidence = session.book.evidence(complete=complete)
    nothing = _nothing(session.book.job, session, evidence) if complete else None
    if nothing is not None:
        return [nothing[1]]
    return [damage_event(session.book.job, evidence)] if evidence else []


def _nothing(job: Job, session: Session, evidence: dict[str, int]) -> tuple[Outcome, Finding] | None:
    """What to say of a media segment that shows nothing at all."""
    counts = session.book.counts
    if not session.from_start:  # nobody knows what the parts before held
        return None
    if job.audio_only:
        if counts.sound_packets:
            return None
        detail = "no sound in the segment"
        return Outcome.UNDECODABLE, event(job, Reason.UNDECODABLE, Severity.CRITICAL, detail)
    if not counts.packets:
        detail = "no video in the segment"
        return Outcome.NO_VIDEO, event(job, Reason.NO_VIDEO, Severity.CRITICAL, detail)
    if counts.frames or counts.passed_over or counts.orphans or (session.starved and not job.whole):
        return None
    detail = f"none of {counts.packets} video packets could be decoded"
    detail += f": {session.last_error}" if session.last_error else ""
    found = event(job, Reason.UNDECODABLE, Severity.CRITICAL, detail, evidence=dict(evidence))
    return Outcome.UNDECODABLE, found


def _container_damage(job: Job, part: Part, state: RenditionState) -> dict[str, int]:
    evidence = {}
    if job.container == "mpegts" and job.whole and cut_inside_packet(job.media):
        evidence["cut_packet"] = 1
    if part.pictures.packets and not job.continues:
        with_key = part.pictures.packets[0].is_keyframe
        if not with_key and state.starts_with_key:
            evidence["no_key_start"] = 1
        state.starts_with_key = with_key or bool(state.starts_with_key)
    return evidence


def _measures(
    job: Job, part: Part, session: Session, state: RenditionState, blockiness: float | None
) -> Measures:
    book, fresh = session.book, session.book.fresh()
    frame_s = book.cadence.frame_s
    return Measures(
        frame_rate=round(1 / frame_s, 3) if frame_s else None,
        frames_expected=round(job.duration_s / frame_s) if frame_s else None,
        packets=fresh.packets,
        frames_decoded=fresh.frames,
        frames_corrupt=fresh.frames_corrupt,
        blockiness=blockiness,
        loudness_lufs=state.loudness_lufs if part.sounds.packets else None,
        has_audio=bool(part.sounds.packets),
        clock_period_s=part.period_s if job.container == "mpegts" else None,
        depth=session.depth,
        interlaced=fresh.interlaced > 0 if fresh.frames else None,
        **_picture_measures(part, session),
        **_sound_measures(part),
        codecs=_codecs(part, session),
    )


def _picture_measures(part: Part, session: Session) -> dict[str, Any]:
    if part.video is None or not part.pictures.packets:
        return {}
    context = session.decoder or part.video.codec_context
    known = part.pictures.known()
    start_s = min(known, default=None)
    size = session.size or (context.width, context.height)
    aspect = context.sample_aspect_ratio
    return {
        "width": size[0] or None,
        "height": size[1] or None,
        "sample_aspect": float(aspect) if aspect else None,
        "codec": context.name,
        "video_duration_s": _duration_s(known, session.book),
        "video_start_s": start_s,
        "key_frames_s": _keys(part.pictures, start_s),
    }


def _duration_s(times: list[float], book: Book) -> float | None:
    """First to last presentation time plus one frame; None when not known."""
    if len(times) == len(book.times):
        return book.cadence.duration_s
    frame_s = book.cadence.frame_s
    return max(times) - min(times) + frame_s if times and frame_s else None


def _keys(track: Track, start_s: float | None) -> tuple[float, ...]:
    pairs = zip(track.packets, track.times, strict=True)
    keys = (at for packet, at in pairs if packet.is_keyframe and at is not None)
    return tuple(round(at - start_s, 6) for at in keys) if start_s is not None else ()


def _sound_measures(part: Part) -> dict[str, Any]:
    if part.audio is None or not part.sounds.packets:
        return {}
    context, known = part.audio.codec_context, part.sounds.known()
    last, tick = part.sounds.packets[-1], part.audio.time_base
    length_s = float(last.duration * tick) if last.duration and tick else cadence_of(known).frame_s
    return {
        "audio_codec": context.codec.canonical_name,
        "audio_start_s": min(known, default=None),
        "audio_duration_s": max(known) - min(known) + (length_s or 0.0) if known else None,
        "audio_sample_rate": context.sample_rate or None,
        "audio_channels": context.channels or None,
    }


def _codecs(part: Part, session: Session) -> str | None:
    names = []
    if part.video is not None and part.pictures.packets:
        names.append(video_codec(session.decoder or part.video.codec_context))
    if part.audio is not None and part.sounds.packets:
        names.append(audio_codec(part.audio.codec_context, part.sounds.packets[0]))
    return ",".join(names) or None


def _blockiness(job: Job, state: RenditionState) -> float | None:
    reading = state.blocks.take()
    limit, at_s = job.options.blockiness_max, job.media_time_s
    if reading is not None and limit is not None:
        lasting = state.lasting
        if reading > limit:
            lasting.start(
                Reason.BLOCKINESS, at_s, f"blockiness {reading:.2f} is above {limit:g}", value=reading
            )
        else:
            lasting.end(Reason.BLOCKINESS, at_s, f"blockiness {reading:.2f}")
    return reading
