"""What leaves the process: flat, honest JSON without secrets."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from published import NOON, a_finding, a_score, a_window, an_alert
from qoed.model import Cause, Severity
from qoed.publish.payload import (
    Envelope,
    alert_payload,
    encode,
    event_payload,
    last_payload,
    score_payload,
    status_payload,
    window_name,
)

ENVELOPE = Envelope(instance="probe-1", run="r1", seq=7, at=NOON)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=8)
    | st.just(NOON)
    | st.just(Cause.CDN),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_score_carries_the_measurement_and_its_windows() -> None:
    """A score payload says when, where, how good, how sure and by which network, beside its windows."""
    payload = score_payload(
        a_score(2.0, depth="light"),
        [a_window(10, 71.5, vs_top=-12.5)],
        envelope=ENVELOPE,
        engine="openvino-bf16",
        latency_s=0.25,
    )
    assert payload == {
        "schema": "qoed.score",
        "version": "1.1",
        "event_id": "probe-1:r1:score:7",
        "seq": 7,
        "instance": "probe-1",
        "run": "r1",
        "time": "2026-01-31T12:00:00.123Z",
        "stream": "news",
        "rendition": "720p",
        "media_time_s": 2.0,
        "score": 72.5,
        "lo": 66.5,
        "hi": 78.5,
        "mos": 3.9,
        "quality": "ok",
        "reason": None,
        "depth": "light",
        "vs_top": -12.5,
        "model": "small-1@1a2b3c4d",
        "engine": "openvino-bf16",
        "latency_s": 0.25,
        "distortion_blur": 0.25,
        "distortion_h264": 0.75,
        "w10s_mean": 71.5,
        "w10s_p05": 61.5,
        "w10s_min": 51.5,
        "w10s_lo": 65.5,
        "w10s_hi": 77.5,
        "w10s_coverage": 1.0,
        "w10s_vs_top": -12.5,
        "w10s_count": 60,
    }
    assert last_payload(payload) == payload | {"schema": "qoed.last"}


def test_no_data_is_null_with_a_reason() -> None:
    """An abstained score and an empty window are null, never zero and never the last value."""
    payload = score_payload(a_score(score=None), [a_window(60, None)], envelope=ENVELOPE)
    absent = ("score", "lo", "hi", "mos", "w1m_mean", "w1m_min", "vs_top", "w1m_vs_top")
    assert [payload[name] for name in absent] == [None] * 8
    assert (payload["quality"], payload["reason"]) == ("abstained", "black")
    assert (payload["w1m_coverage"], payload["w1m_count"]) == (0.0, 0)


def test_alert_carries_its_edge() -> None:
    """An alert payload names rule, level and value, its own time and the episode's start."""
    later = datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)
    payload = alert_payload(an_alert(at=later), envelope=ENVELOPE)
    assert payload["event_id"] == "f00d-1-firing"
    assert (payload["time"], payload["started_at"]) == (
        "2026-01-31T12:00:30.000Z",
        "2026-01-31T12:00:00.123Z",
    )
    assert (payload["value"], payload["threshold"], payload["window"]) == (31.25, 40.0, "10s")
    assert (payload["cause"], payload["severity"]) == ("encoder", "critical")
    assert payload["evidence_bitrate_bps"] == 250000


def test_evidence_is_flattened() -> None:
    """Whatever evidence a stage gives arrives as flat, plain JSON values."""
    evidence = {
        "wire": {"TTFB s": np.float32(0.5), "nan": math.nan},
        "codes": [404, 503],
        "severity": Severity.INFO,
        "since": NOON,
        "big": 1 << 60,
        "bytes": b"\xff",
    }
    payload = event_payload(a_finding(evidence=evidence), envelope=ENVELOPE)
    assert {name: value for name, value in payload.items() if name.startswith("evidence_")} == {
        "evidence_wire_ttfb_s": 0.5,
        "evidence_wire_nan": None,
        "evidence_codes": "404, 503",
        "evidence_severity": "info",
        "evidence_since": "2026-01-31T12:00:00.123Z",
        "evidence_big": str(1 << 60),
        "evidence_bytes": "b'\\xff'",
    }


def test_urls_lose_what_may_be_secret() -> None:
    """URLs in messages, reasons and evidence are published without userinfo and query."""
    url = "https://user:hunter2@cdn.example/live/a.m3u8?token=hunter2"
    finding = event_payload(a_finding(message=f"GET {url}: 404", evidence={"url": url}), envelope=ENVELOPE)
    score = score_payload(a_score(score=None, reason=f"no answer from {url}"), envelope=ENVELOPE)
    status = status_payload("running", version="1", details={"source": url}, envelope=ENVELOPE)
    assert finding["evidence_url"] == "https://cdn.example/live/a.m3u8"
    assert "hunter2" not in str((finding, score, status))


def test_status_details_cannot_pose_as_the_envelope() -> None:
    """Details of the daemon's state are flattened and never overwrite who speaks."""
    details = {"instance": "x", "schema": "x", "streams": {"up": 3}}
    payload = status_payload("running", version="0.1.0", details=details, envelope=ENVELOPE)
    assert (payload["instance"], payload["schema"], payload["state"]) == ("probe-1", "qoed.status", "running")
    assert payload["streams_up"] == 3


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(10.0, "10s"), (60.0, "1m"), (300.0, "5m"), (3600.0, "1h"), (90.0, "90s"), (2.5, "2500ms"), (0.0, "0s")],
)
def test_windows_are_named_by_length(seconds: float, name: str) -> None:
    """Windows are named as in rules: 10s, 1m, 5m."""
    assert window_name(seconds) == name


@given(st.dictionaries(st.text(max_size=12), VALUES, max_size=8), st.text(max_size=2000), st.floats())
def test_any_evidence_becomes_flat_bounded_json(evidence: dict[str, Any], text: str, value: float) -> None:
    """No evidence, text or figure can break the JSON, nest it, smuggle in NaN or grow it without bound."""
    finding = a_finding(evidence=evidence, message=text, value=value)
    decoded = orjson.loads(encode(event_payload(finding, envelope=ENVELOPE)))
    assert all(item is None or isinstance(item, str | int | float | bool) for item in decoded.values())
    assert decoded["value"] is None or math.isfinite(decoded["value"])
    assert all(len(item) <= 1000 for item in decoded.values() if isinstance(item, str))
