"""Where trouble most likely sits, by the evidence at hand and by rules that a person can follow.

In this order: our own trouble explains what it can explain; so does the wire, when it had trouble wherever
and whenever the pictures have; else the extent tells. All renditions together share only what comes before
the encoder, or, when the coded pictures themselves are broken, what comes after it; what some have and others
do not is made by encoder or packager. What was found on the wire itself is told by the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

from qoed.alert.machine import Verdict
from qoed.alert.observe import Observation, value_of
from qoed.alert.rule import Metric, Rule
from qoed.alert.situation import STARVED, Happened, Situation
from qoed.checks import CATALOGUE
from qoed.model import Cause, Finding, Reason, Window

BLAME_S = 60.0
"""Trouble of our own explains what is seen within this time after it."""
WIRE_BLAME_S = 10.0
"""Trouble of the wire explains what is seen so close to it, in media time where that is known, or anywhere in
the window of a metric (up to a minute)."""
WATCHED_S = 60.0
"""A rendition of which nothing was heard for so long has no say."""
SAME_S = 30.0
"""Events within this time are of one occurrence."""
MARGIN_S = 0.5
"""A rendition is clean once it was decoded so far beyond the moment at which another was found in trouble."""
LAG_S = 2.0
"""Windows that end so far apart are still of one moment."""
SHARED_DROP = 0.25
"""A rendition that fell by this share of another's fall fell with it: a low rung has less to lose ..."""
SHARED_DROP_LEAST = 6.0
"""... when that is at least so many points."""

_SEEN_BY_EXTENT = ("picture", "sound")
_AS_SENT = frozenset({Reason.BLACK, Reason.LOUDNESS})
"""These decode without a fault: neither the wire nor our backlog can have made them."""
_BROKEN = frozenset({Reason.DAMAGE, Reason.UNDECODABLE, Reason.NO_VIDEO})
"""The coded pictures are broken. Our own trouble can look like that, too."""
_HARMLESS = frozenset(
    {
        Reason.DISCONTINUITY,
        Reason.PLAYLIST_SLOW,
        Reason.PLAYLIST_SHORT,
        Reason.CMSD_QUALITY_LOW,
        Reason.SEGMENT_SHORT,
        Reason.TARGET_DURATION_EXCEEDED,
        Reason.TARGET_DURATION_CHANGED,
        Reason.VERSION_CHANGED,
        Reason.VERSION_TOO_LOW,
        Reason.DATE_RANGE_INVALID,
        Reason.DATE_TIME_JUMP,
        Reason.CUE_UNPAIRED,
        Reason.RENDITION_GROUP_INVALID,
        Reason.PART_DURATION_OFF,
        Reason.RELOAD_NOT_BLOCKED,
        Reason.RENDITION_REPORT_OFF,
        Reason.VARIANT_DRIFT,
        Reason.VARIANT_MISALIGNED,
        Reason.VARIANT_TARGET_DURATION,
        Reason.VARIANT_PLAYLIST_TYPE,
        Reason.VARIANT_DISCONTINUITY,
        Reason.CLOCK_SKEW,
        Reason.CLOCK_UNAVAILABLE,
    }
)
"""Wire findings that leave every byte of the media as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A cause with its grounds."""

    cause: Cause | None
    because: str
    affected: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    settled: bool = True
    """False while renditions that were not decoded so far yet may change it."""


def attribute(
    rule: Rule,
    seen: Observation,
    situation: Situation,
    place: str | None,
    now: float,
    *,
    starved: bool = False,
) -> Attribution:
    """The likely cause of what `rule` sees now. `starved`: the probe as a whole has trouble of its own."""
    reason = seen.finding.reason if seen.finding is not None else rule.finding
    if reason is not None and reason.domain not in _SEEN_BY_EXTENT:
        return _told(reason)
    extent = (
        _finding_extent(rule, seen.finding, situation, now) if reason else _extent(rule, seen, situation, now)
    )
    ours = _own_trouble(situation, extent.affected, place, now, starved=starved)
    if ours and (rule.metric is Metric.COVERAGE or reason in _BROKEN):
        return extent.so(Cause.PROBE, ours)
    if reason not in _AS_SENT and (
        wire := _wire_trouble(rule, seen, situation, extent.affected or _only(place), now)
    ):
        return extent.so(*wire)
    if rule.metric is Metric.COVERAGE:
        return extent.so(Cause.PROBE, "nothing on the wire explains why there are no scores")
    return extent.judged(reason)


def _told(reason: Reason) -> Attribution:
    cause = CATALOGUE[reason].cause
    if cause is None:
        return Attribution(cause=None, because=f"{reason} is announced by the stream itself")
    return Attribution(cause=cause, because=f"{reason} points to the {cause}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """Which renditions are in trouble, which are certainly not, of those that are watched."""

    affected: tuple[str, ...]
    clean: tuple[str, ...]
    watched: tuple[str, ...]

    def so(self, cause: Cause, because: str, *, settled: bool = True) -> Attribution:
        return Attribution(
            cause=cause, because=because, affected=self.affected, watched=self.watched, settled=settled
        )

    def judged(self, reason: Reason | None) -> Attribution:
        """By the extent of a finding, or of low scores (None)."""
        count, of = len(self.affected), len(self.watched)
        alone = (CATALOGUE[reason].cause if reason else None) or Cause.ENCODER
        if of <= 1 or count == 0:
            return self.so(alone, "there is no rendition to compare with; this is the usual cause")
        if self.clean:
            made = alone if alone in (Cause.ENCODER, Cause.PACKAGER) else Cause.ENCODER
            return self.so(made, f"{count} of {of} renditions, while others of the same source are well")
        if count == of and reason in _BROKEN:
            shared = "what comes before the encoder would have been coded well"
            return self.so(Cause.PACKAGER, f"all {of} renditions at once: {shared}")
        if count == of:
            shared = "they share what comes before the encoder"
            return self.so(Cause.SOURCE, f"all {of} renditions at once: {shared}")
        return self.so(alone, f"{count} of {of} renditions so far; this is the usual cause", settled=False)


def _finding_extent(rule: Rule, found: Finding | None, situation: Situation, now: float) -> _Extent:
    reasons = rule.findings if found is None else (found.reason,)
    affected = {where for where, active in situation.active if active in reasons}
    affected |= {
        each.finding.rendition
        for each in situation.events
        if each.finding.reason in reasons and now - each.at <= SAME_S
    }
    names = {where for where in affected if where is not None}
    watched = _watched(situation, now, (found.reason if found else reasons[0]).domain) | names
    noticed_s = _noticed_s(found)
    clean = {
        name
        for name in watched - names
        if noticed_s is None or (name in situation.heard and situation.heard[name].until_s >= noticed_s)
    }
    return _Extent(affected=tuple(sorted(names)), clean=tuple(sorted(clean)), watched=tuple(sorted(watched)))


def _noticed_s(found: Finding | None) -> float | None:
    """Media time at which others would have been found in the same trouble."""
    if found is None or found.media_time_s is None:
        return None
    lasted_s = found.value if found.unit == "s" and found.value is not None else 0.0
    return found.media_time_s + lasted_s + MARGIN_S


def _extent(rule: Rule, seen: Observation, situation: Situation, now: float) -> _Extent:
    """Of a rule over scores: who is beyond its level, or fell as the worst did."""
    watched = _watched(situation, now, "picture") | set(seen.renditions)
    affected = set(seen.renditions)
    clean: set[str] = set()
    worst = seen.window
    if worst is not None and seen.verdict is Verdict.BAD:
        affected.add(worst.rendition)
        fall = value_of(Metric.DROP, worst, situation) or 0.0
        for name in watched - affected:
            known = situation.windows.get((name, rule.window_s))
            if known is None or known.window.media_time_s < worst.media_time_s - LAG_S:
                continue
            same = _beyond(rule, known.window, situation) or _fell(known.window, fall, situation)
            (affected if same else clean).add(name)
    watched |= affected
    return _Extent(
        affected=tuple(sorted(affected)), clean=tuple(sorted(clean)), watched=tuple(sorted(watched))
    )


def _beyond(rule: Rule, window: Window, situation: Situation) -> bool:
    value = window.coverage if rule.metric is Metric.COVERAGE else value_of(rule.metric, window, situation)
    if value is None or rule.level is None:
        return False
    return value < rule.level if rule.below is not None else value > rule.level


def _fell(window: Window, fall: float, situation: Situation) -> bool:
    own = value_of(Metric.DROP, window, situation)
    return own is not None and own >= max(SHARED_DROP_LEAST, SHARED_DROP * fall)


def _watched(situation: Situation, now: float, domain: str) -> set[str]:
    """Renditions with a say on picture or sound; those that have scores have pictures."""
    names = {
        name
        for name, heard in situation.heard.items()
        if domain in heard.domains and now - heard.at <= WATCHED_S
    }
    if domain == "picture":
        names |= {name for (name, _), seen in situation.windows.items() if now - seen.at <= WATCHED_S}
    return names


def _own_trouble(
    situation: Situation, affected: tuple[str, ...], place: str | None, now: float, *, starved: bool
) -> str | None:
    if starved or situation.lasting(STARVED, None) is not None:
        return "qoed itself cannot keep up or trust its engine"
    for each in reversed(situation.events):
        if now - each.at > BLAME_S:
            return None
        where, reason = each.finding.rendition, each.finding.reason
        concerned = where is None or where == place or where in affected
        if reason in STARVED or (reason is Reason.DECODER_RESTARTED and concerned):
            return f"{reason} {now - each.at:.0f} s before"
    return None


def _only(place: str | None) -> tuple[str, ...]:
    return () if place is None else (place,)


def _wire_trouble(
    rule: Rule, seen: Observation, situation: Situation, affected: tuple[str, ...], now: float
) -> tuple[Cause, str] | None:
    """Wire trouble that explains all affected renditions; what concerns the whole stream explains any."""
    blame_s = WIRE_BLAME_S if rule.metric is None else min(BLAME_S, max(WIRE_BLAME_S, rule.window_s))
    lasting = [(where, reason, "now") for where, reason in situation.active if _harms(reason)]
    recent = [
        (each.finding.rendition, each.finding.reason, f"{now - each.at:.0f} s before")
        for each in reversed(situation.events)
        if _harms(each.finding.reason) and _apart_s(each, seen.finding, now) <= blame_s
    ]
    troubles = lasting + recent
    for where, reason, when in troubles:
        touched = {other for other, _, _ in troubles}
        explains = None in touched or not affected or touched >= set(affected)
        concerned = where is None or not affected or where in affected
        cause = CATALOGUE[reason].cause
        if explains and concerned and cause is not None:
            return cause, f"{reason} on the wire {when}"
    return None


def _apart_s(happened: Happened, found: Finding | None, now: float) -> float:
    """How far an event is from what was found."""
    if found is not None and found.media_time_s is not None and happened.finding.media_time_s is not None:
        return abs(found.media_time_s - happened.finding.media_time_s)
    return now - happened.at


def _harms(reason: Reason) -> bool:
    return reason.domain in ("wire", "transport") and reason not in _HARMLESS
