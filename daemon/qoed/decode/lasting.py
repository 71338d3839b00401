"""Picture and sound conditions that last: one START, one END, whatever segments and workers come between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qoed.checks import CATALOGUE
from qoed.decode.options import DecodeOptions
from qoed.model import Finding, Phase, Reason

CONFIRM_S = 0.5
"""Grace beyond a filter's own duration in which it must confirm a condition that was open before it began."""
LOUDNESS_WINDOW_S = 3.0
"""Window of short-term loudness (EBU Tech 3341)."""
LOUDNESS_CLEAR_LU = 1.0
"""Loudness must be so far inside its limits again before the finding ends."""


class Lasting:
    """The open conditions of one rendition, by the media time of their beginning, and their findings."""

    def __init__(self, stream: str, rendition: str, opened: Mapping[Reason, float]) -> None:
        self._stream = stream
        self._rendition = rendition
        self.opened = dict(opened)
        self.findings: list[Finding] = []

    def start(
        self,
        reason: Reason,
        since_s: float,
        message: str,
        *,
        value: float | None = None,
        unit: str | None = None,
        **evidence: Any,
    ) -> None:
        """Open a condition that began at media time `since_s`, unless it is open."""
        if reason not in self.opened:
            self.opened[reason] = since_s
            self._add(reason, Phase.START, since_s, message, value, unit, evidence)

    def end(self, reason: Reason, at_s: float, message: str) -> None:
        """Close a condition at media time `at_s`, if it is open; the value is the seconds that it lasted."""
        since_s = self.opened.pop(reason, None)
        if since_s is not None:
            self._add(reason, Phase.END, at_s, message, round(max(0.0, at_s - since_s), 3), "s", {})

    def _add(
        self,
        reason: Reason,
        phase: Phase,
        at_s: float,
        message: str,
        value: float | None,
        unit: str | None,
        evidence: dict[str, Any],
    ) -> None:
        self.findings.append(
            Finding(
                stream=self._stream,
                rendition=self._rendition,
                reason=reason,
                severity=CATALOGUE[reason].severity,
                phase=phase,
                media_time_s=round(at_s, 3),
                value=value,
                unit=unit,
                message=message,
                evidence=evidence,
            )
        )


class PictureJudge:
    """Black and freeze from the filters' notes, frame by frame. A black picture is never called frozen."""

    def __init__(self, lasting: Lasting, options: DecodeOptions) -> None:
        self._lasting = lasting
        self._options = options
        self._black_since: float | None = None
        self._frozen_since: float | None = None
        self._began_s: float | None = None

    @property
    def black(self) -> bool:
        """Whether the last picture was black, however briefly."""
        return self._black_since is not None

    def restart(self) -> None:
        """The filters begin anew (other size, a gap): open conditions wait for them to confirm."""
        self._black_since = self._frozen_since = self._began_s = None

    def step(self, time_s: float, notes: Mapping[str, str]) -> None:
        """Note what the filters wrote on the picture at media time `time_s`."""
        self._began_s = time_s if self._began_s is None else self._began_s
        if "lavfi.black_start" in notes:
            self._black_since = float(notes["lavfi.black_start"])
        if "lavfi.black_end" in notes:
            self._black_since = None
        if "lavfi.freezedetect.freeze_start" in notes:
            self._frozen_since = float(notes["lavfi.freezedetect.freeze_start"])
        if "lavfi.freezedetect.freeze_end" in notes:
            self._frozen_since = None
        self._judge_black(time_s)
        self._judge_freeze(time_s)

    def _judge_black(self, time_s: float) -> None:
        since = self._black_since
        if since is None:
            self._lasting.end(Reason.BLACK, time_s, "the picture is back")
        elif time_s - since >= self._options.black_duration_s - 1e-6:
            self._lasting.end(Reason.FREEZE, since, "the picture turned black")
            self._lasting.start(
                Reason.BLACK,
                since,
                f"black picture for {time_s - since:.1f} s",
                value=round(time_s - since, 3),
                unit="s",
            )

    def _judge_freeze(self, time_s: float) -> None:
        since = self._frozen_since
        if since is not None and self._black_since is None:
            self._lasting.start(
                Reason.FREEZE,
                since,
                f"the picture has not changed for {time_s - since:.1f} s",
                value=round(time_s - since, 3),
                unit="s",
            )
        elif since is None:
            ended_s = _ended(
                self._lasting, Reason.FREEZE, self._began_s, time_s, self._options.freeze_duration_s
            )
            if ended_s is not None:
                self._lasting.end(Reason.FREEZE, ended_s, "the picture moves again")


class SoundJudge:
    """Silence and loudness from the filters' notes. Silence is never also called too quiet."""

    def __init__(self, lasting: Lasting, options: DecodeOptions) -> None:
        self._lasting = lasting
        self._options = options
        self._silent_since: float | None = None
        self._off_since: float | None = None
        self._began_s: float | None = None
        self.loudness_lufs: float | None = None
        """Short-term loudness at the last note; None until three seconds were heard."""

    def restart(self) -> None:
        """The filters begin anew; open conditions wait for them to confirm."""
        self._silent_since = self._off_since = self._began_s = self.loudness_lufs = None

    def step(self, time_s: float, notes: Mapping[str, str]) -> None:
        """Note what the filters wrote on the sound at media time `time_s`."""
        self._began_s = time_s if self._began_s is None else self._began_s
        if "lavfi.silence_start" in notes:
            self._silent_since = float(notes["lavfi.silence_start"])
        if "lavfi.silence_end" in notes:
            self._silent_since = None
        self._judge_silence(time_s, self._began_s)
        loudness = notes.get("lavfi.r128.S")
        if loudness is not None and time_s - self._began_s >= LOUDNESS_WINDOW_S:
            self.loudness_lufs = float(loudness)
            self._judge_loudness(time_s, self.loudness_lufs)

    def _judge_silence(self, time_s: float, began_s: float) -> None:
        since = self._silent_since
        if since is not None:
            self._lasting.start(
                Reason.SILENCE,
                max(0.0, since),
                f"silence for {time_s - since:.1f} s",
                value=round(time_s - since, 3),
                unit="s",
            )
            return
        ended_s = _ended(self._lasting, Reason.SILENCE, began_s, time_s, self._options.silence_duration_s)
        if ended_s is not None:
            self._lasting.end(Reason.SILENCE, ended_s, "sound is back")

    def _judge_loudness(self, time_s: float, loudness: float) -> None:
        low, high = self._options.loudness_min_lufs, self._options.loudness_max_lufs
        margin = LOUDNESS_CLEAR_LU if Reason.LOUDNESS in self._lasting.opened else 0.0
        too_low = low is not None and loudness < low + margin and self._silent_since is None
        too_high = high is not None and loudness > high - margin
        if not too_low and not too_high:
            self._off_since = None
            self._lasting.end(Reason.LOUDNESS, time_s, f"short-term loudness {loudness:.1f} LUFS")
            return
        self._off_since = time_s if self._off_since is None else self._off_since
        if (
            time_s - self._off_since >= LOUDNESS_WINDOW_S
        ):  # longer than silence or a bang echoes in the window
            limit, side = (low, "below") if too_low else (high, "above")
            self._lasting.start(
                Reason.LOUDNESS,
                self._off_since,
                f"short-term loudness {loudness:.1f} LUFS is {side} {limit:g} LUFS",
                value=round(loudness, 2),
                unit="LUFS",
                limit=limit,
            )


def _ended(
    lasting: Lasting, reason: Reason, began_s: float | None, now_s: float, duration_s: float
) -> float | None:
    """When an open condition that the filter does not see ended; None when it is not open, or not known yet.

    A condition from before the filter began at `began_s` gets the time that the filter needs to confirm it.
    """
    since_s = lasting.opened.get(reason)
    if since_s is None:
        return None
    if began_s is None or since_s >= began_s:
        return now_s
    return began_s if now_s - began_s > duration_s + CONFIRM_S else None
