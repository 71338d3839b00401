"""Messages as flat JSON: pure functions to dicts that the schemas beside this file describe.

Absent data stays null, NaN and infinities become null, URLs lose userinfo and query.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import orjson

from qoed.clock import rfc3339
from qoed.model import AlertEvent, Finding, Score, Window
from qoed.service.redact import redact

VERSION = "1.1"

Scalar = str | int | float | bool | None
Payload = dict[str, Scalar]

# Evidence is written by many hands: bound it, so that the buffer's bound in messages bounds memory too.
_MAX_TEXT = 1000
_MAX_EVIDENCE = 64
_MAX_DEPTH = 4
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What every payload says about its sender. `seq` counts up by one per kind, so a gap shows a loss."""

    instance: str
    run: str
    """Differs at each start of the daemon; `seq` begins anew with it."""
    seq: int
    at: datetime


def score_payload(
    score: Score,
    windows: Sequence[Window] = (),
    *,
    envelope: Envelope,
    engine: str | None = None,
    latency_s: float | None = None,
) -> Payload:
    """One clip's score with its rendition's windows: `qoed.score`.

    `engine` names backend and precision; `latency_s` is the time from the segment's last byte to now.
    """
    payload = _head("score", envelope)
    payload |= {
        "stream": score.stream,
        "rendition": score.rendition,
        "media_time_s": number(score.media_time_s),
        "score": number(score.score),
        "lo": number(score.lo),
        "hi": number(score.hi),
        "mos": number(score.mos),
        "quality": score.quality.value,
        "reason": _text(score.reason),
        "depth": score.depth,
        "vs_top": number(windows[0].vs_top) if windows else None,
        "model": score.model,
        "engine": engine,
        "latency_s": number(latency_s),
    }
    for name, probability in score.distortions.items():
        payload[f"distortion_{_name(name)}"] = number(probability)
    for window in windows:
        name = f"w{window_name(window.window_s)}"
        for statistic in ("mean", "p05", "min", "lo", "hi", "coverage", "vs_top"):
            payload[f"{name}_{statistic}"] = number(getattr(window, statistic))
        payload[f"{name}_count"] = window.count
    return payload


def last_payload(score: Mapping[str, Scalar]) -> Payload:
    """A score payload as `last:<stream>` keeps it: `qoed.last`."""
    return {**score, "schema": "qoed.last"}


def alert_payload(event: AlertEvent, *, envelope: Envelope) -> Payload:
    """One edge of one alert: `qoed.alert`. `time` is the edge's own, however late it is sent."""
    payload = _head("alert", envelope)
    payload |= {
        "event_id": event.event_id,
        "time": rfc3339(event.at),
        "stream": event.stream,
        "rendition": event.rendition,
        "media_time_s": number(event.media_time_s),
        "fingerprint": event.fingerprint,
        "episode": event.episode,
        "state": event.state.value,
        "rule": event.rule,
        "severity": event.severity.value,
        "value": number(event.value),
        "threshold": number(event.threshold),
        "window": event.window,
        "cause": event.cause.value if event.cause else None,
        "message": _text(event.message),
        "started_at": rfc3339(event.started_at),
    }
    return payload | _evidence(event.evidence)


def event_payload(finding: Finding, *, envelope: Envelope) -> Payload:
    """One finding: `qoed.event`."""
    payload = _head("event", envelope)
    payload |= {
        "stream": finding.stream,
        "rendition": finding.rendition,
        "media_time_s": number(finding.media_time_s),
        "reason": finding.reason.value,
        "domain": finding.reason.domain,
        "severity": finding.severity.value,
        "phase": finding.phase.value,
        "value": number(finding.value),
        "unit": finding.unit,
        "message": _text(finding.message),
    }
    return payload | _evidence(finding.evidence)


def status_payload(
    state: str, *, version: str, details: Mapping[str, Any] | None = None, envelope: Envelope
) -> Payload:
    """The daemon about itself: `qoed.status`; `details` are flattened, such as `{"streams": {"up": 3}}`."""
    payload: Payload = dict(_flat(details or {}))
    return payload | _head("status", envelope) | {"state": state, "daemon_version": version}


def encode(payload: Payload) -> bytes:
    """Compact UTF-8 JSON."""
    return orjson.dumps(payload)


def number(value: float | None) -> float | None:
    """Rounded to what the measurement is worth; NaN and infinity are no data."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), 4)


def window_name(window_s: float) -> str:
    """`10s`, `1m`, `5m`, `1h`: a window's length as payload fields and rules name it."""
    if window_s != int(window_s):
        return f"{round(window_s * 1000)}ms"
    for unit, seconds in (("h", 3600), ("m", 60)):
        if window_s >= seconds and window_s % seconds == 0:
            return f"{int(window_s) // seconds}{unit}"
    return f"{int(window_s)}s"


def _head(kind: str, envelope: Envelope) -> Payload:
    return {
        "schema": f"qoed.{kind}",
        "version": VERSION,
        "event_id": f"{envelope.instance}:{envelope.run}:{kind}:{envelope.seq}",
        "seq": envelope.seq,
        "instance": envelope.instance,
        "run": envelope.run,
        "time": rfc3339(envelope.at),
    }


def _evidence(evidence: Mapping[str, Any]) -> Payload:
    return dict(_flat(evidence, "evidence_"))


def _flat(fields: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Scalar]]:
    return list(_pairs(fields, prefix, 0))[:_MAX_EVIDENCE]


def _pairs(fields: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Scalar]]:
    for key, value in fields.items():
        name = f"{prefix}{_name(str(key))}"
        if isinstance(value, Mapping) and depth < _MAX_DEPTH:
            yield from _pairs(value, f"{name}_", depth + 1)
        else:
            yield name, _scalar(value)


def _scalar(value: Any) -> Scalar:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Beyond 2^53 JSON readers lose digits.
        return value if abs(value) <= 1 << 53 else str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _scalar(value.item())
    if isinstance(value, list | tuple | set | frozenset):
        return _text(", ".join(str(_scalar(item)) for item in value))
    return _text(str(value))


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    # A lone surrogate (from an undecodable byte in a URL) is not JSON.
    clean = redact(text).encode("utf-8", "replace").decode()
    return clean if len(clean) <= _MAX_TEXT else clean[: _MAX_TEXT - 1] + "…"


def _name(name: str) -> str:
    return _NOT_A_NAME.sub("_", name.lower()).strip("_")
