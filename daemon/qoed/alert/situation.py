"""What is known of one stream now: its latest windows, the findings that last, the events just past."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from qoed.model import Decoded, Finding, Phase, Reason, Window

EVENTS_KEPT = 1000
"""Events remembered per stream, however long a rule's window is."""

DOWN = frozenset(
    {
        Reason.PLAYLIST_UNAVAILABLE,
        Reason.PLAYLIST_STALE,
        Reason.PLAYLIST_INVALID,
        Reason.KEY_UNAVAILABLE,
        Reason.INPUT_UNAVAILABLE,
        Reason.INPUT_STALLED,
    }
)
"""While one of these lasts the stream is down: its quality cannot be known, and its own alert says why."""

UNSCORABLE = frozenset({Reason.BLACK, Reason.UNFIT_PICTURE, Reason.NO_VIDEO, Reason.UNDECODABLE})
"""While one of these lasts there is no picture to score: missing scores are explained."""

STARVED = frozenset({Reason.OVERLOADED, Reason.ENGINE_FAULT})
"""While one of these lasts the probe cannot be trusted to measure."""

STARVED_HOLD_S = 60.0
"""How long a single starvation event (without a phase) casts doubt."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A window and when it came, monotonic seconds."""

    window: Window
    at: float


@dataclass(frozen=True, slots=True)
class Happened:
    """A finding without duration, and when it came, monotonic seconds."""

    finding: Finding
    at: float


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a rendition has been decoded, in media time, and when that was, monotonic seconds."""

    until_s: float
    at: float
    domains: frozenset[str]
    """What of it can be judged: picture, sound."""


@dataclass(slots=True)
class Situation:
    """One stream's facts. `resumed_at`: since when nothing has kept us from watching it."""

    resumed_at: float
    windows: dict[tuple[str, float], Seen] = field(default_factory=dict)
    first_seen: dict[str, float] = field(default_factory=dict)
    active: dict[tuple[str | None, Reason], Finding] = field(default_factory=dict)
    events: deque[Happened] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    latest: dict[tuple[str | None, Reason], Finding] = field(default_factory=dict)
    ended: dict[Reason, float] = field(default_factory=dict)
    """When a finding last ended or happened."""
    heard: dict[str, Heard] = field(default_factory=dict)

    @property
    def renditions(self) -> list[str]:
        """Renditions that have had a window, in order of appearance."""
        return list(self.first_seen)

    def see(self, window: Window, now: float) -> None:
        """Take in a window."""
        self.first_seen.setdefault(window.rendition, now)
        self.windows[window.rendition, window.window_s] = Seen(window, now)

    def refine(self, window: Window) -> None:
        """Take in a window anew that is no news but for its difference to the top rung."""
        known = self.windows.get((window.rendition, window.window_s))
        if known is not None:
            self.windows[window.rendition, window.window_s] = Seen(window, known.at)

    def hear(self, decoded: Decoded, now: float) -> None:
        """A segment was decoded; its rendition's findings up to its end are known."""
        segment = decoded.segment
        shows, sounds = not segment.rendition.audio_only, decoded.measures.has_audio
        domains = frozenset({"picture"} if shows else ()) | frozenset({"sound"} if sounds else ())
        until_s = segment.media_time_s + segment.duration_s
        self.heard[segment.rendition.id] = Heard(until_s, now, domains)

    def note(self, finding: Finding, now: float) -> None:
        """Take in a finding."""
        key = (finding.rendition, finding.reason)
        if finding.phase is not Phase.START:
            self.ended[finding.reason] = now
        match finding.phase:
            case Phase.START:
                self.active[key] = finding
            case Phase.END:
                self.active.pop(key, None)
                if finding.reason in DOWN | UNSCORABLE | STARVED:
                    self.resumed_at = now
            case Phase.EVENT:
                self.events.append(Happened(finding, now))
        self.latest[key] = finding

    def forget_events(self, before: float) -> None:
        """Let go of events older than monotonic `before`."""
        while self.events and self.events[0].at < before:
            self.events.popleft()

    def forget_rendition(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self.first_seen.pop(rendition, None)
        self.heard.pop(rendition, None)
        self.windows = {key: seen for key, seen in self.windows.items() if key[0] != rendition}
        self.active = {key: finding for key, finding in self.active.items() if key[0] != rendition}
        self.latest = {key: finding for key, finding in self.latest.items() if key[0] != rendition}
        kept = [happened for happened in self.events if happened.finding.rendition != rendition]
        self.events = deque(kept, maxlen=EVENTS_KEPT)

    def lasting(self, reasons: frozenset[Reason], rendition: str | None) -> Finding | None:
        """A finding of `reasons` that lasts and concerns `rendition` (None: any rendition), or None."""
        for (where, reason), finding in self.active.items():
            if reason in reasons and (where is None or rendition is None or where == rendition):
                return finding
        return None

    def excused(self, reasons: Collection[Reason], now: float, hold_s: float) -> bool:
        """Whether one of `reasons` lasts anywhere on the stream, or was there less than `hold_s` ago."""
        return any(reason in reasons for _, reason in self.active) or any(
            now - self.ended[reason] < hold_s for reason in reasons if reason in self.ended
        )

    def events_of(self, reasons: Collection[Reason], rendition: str | None, since: float) -> list[Finding]:
        """Events of `reasons` on exactly `rendition` that came after monotonic `since`, oldest first."""
        return [
            happened.finding
            for happened in self.events
            if happened.at > since
            and happened.finding.reason in reasons
            and happened.finding.rendition == rendition
        ]

    def starved(self, now: float) -> bool:
        """Whether the probe had trouble of its own with this stream."""
        return self.lasting(STARVED, None) is not None or any(
            happened.finding.reason in STARVED and now - happened.at < STARVED_HOLD_S
            for happened in reversed(self.events)
        )
