"""The published JSON Schemas against what is really published."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from published import NOON, a_finding, a_score, a_window, an_alert
from qoed.model import AlertState, Cause, Phase, Quality, Reason, Severity
from qoed.publish.payload import (
    Envelope,
    alert_payload,
    encode,
    event_payload,
    last_payload,
    score_payload,
    status_payload,
)
from qoed.publish.schemas import NAMES, load_schemas

ENVELOPE = Envelope(instance="probe-1", run="r1", seq=1, at=NOON)
VALIDATORS = {
    name: Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name, schema in load_schemas().items()
}
PERCENT = st.floats(0, 100)
MAYBE = st.none() | st.floats(allow_nan=True, allow_infinity=True)
SCORE = score_payload(a_score(), [a_window(10), a_window(60)], envelope=ENVELOPE)
ALERT = alert_payload(an_alert(), envelope=ENVELOPE)
EXAMPLES: dict[str, dict[str, Any]] = {
    "score": SCORE,
    "last": last_payload(SCORE),
    "event": event_payload(a_finding(), envelope=ENVELOPE),
    "alert": ALERT,
    "status": status_payload("running", version="0.1.0", envelope=ENVELOPE),
}


def check(name: str, payload: dict[str, Any]) -> None:
    """As a consumer would: from the bytes."""
    VALIDATORS[name].validate(orjson.loads(encode(payload)))


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_valid(name: str) -> None:
    """Every published schema is itself valid JSON Schema 2020-12 with a stable identity."""
    schema = load_schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:qoed:schema:{name}:1"


@pytest.mark.parametrize("name", NAMES)
def test_missing_fields_are_refused_and_new_ones_allowed(name: str) -> None:
    """Every promised field is required, further flat fields may come, nested ones may not."""
    payload = EXAMPLES[name]
    check(name, payload | {"something_new": 1})
    for field in VALIDATORS[name].schema["required"]:
        with pytest.raises(ValidationError, match=field):
            check(name, {key: value for key, value in payload.items() if key != field})
    with pytest.raises(ValidationError):
        check(name, payload | {"something_new": {"nested": 1}})


@given(
    st.none() | PERCENT,
    st.sampled_from([Quality.OK, Quality.DEGRADED]),
    st.none() | st.floats(20, 94),
    st.dictionaries(st.text(max_size=10), st.floats(0, 1), max_size=4),
    MAYBE,
    st.none() | st.floats(-100, 100),
    st.sampled_from([None, "full", "light", "extra_light"]),
)
def test_every_score_fits_its_schema(
    score: float | None,
    quality: Quality,
    mean: float | None,
    distortions: dict[str, float],
    latency_s: float | None,
    vs_top: float | None,
    depth: str | None,
) -> None:
    """Whatever the network says, scores and last values are what their schemas promise."""
    fields = {} if score is None else {"quality": quality, "distortions": distortions}
    windows = [a_window(10, mean, vs_top=vs_top), a_window(60, mean, vs_top=vs_top), a_window(300, None)]
    payload = score_payload(
        a_score(score=score, depth=depth, **fields), windows, envelope=ENVELOPE, latency_s=latency_s
    )
    check("score", payload)
    check("last", last_payload(payload))


@given(
    st.sampled_from(Reason), st.sampled_from(Severity), st.sampled_from(Phase), MAYBE, st.text(max_size=30)
)
def test_every_finding_fits_its_schema(
    reason: Reason, severity: Severity, phase: Phase, value: float | None, text: str
) -> None:
    """Every reason, severity and phase of a finding is what the event schema promises."""
    finding = a_finding(
        reason=reason,
        severity=severity,
        phase=phase,
        value=value,
        rendition=None,
        media_time_s=value,
        unit=None,
        message=text,
        evidence={text: value, "deep": {"er": text}},
    )
    check("event", event_payload(finding, envelope=ENVELOPE))


@given(st.sampled_from(AlertState), st.none() | st.sampled_from(Cause), MAYBE, st.text(max_size=30))
def test_every_alert_fits_its_schema(
    state: AlertState, cause: Cause | None, value: float | None, text: str
) -> None:
    """Every state and cause of an alert is what the alert schema promises."""
    alert = an_alert(
        state=state, cause=cause, value=value, threshold=None, window=None, rendition=None, message=text
    )
    check("alert", alert_payload(alert, envelope=ENVELOPE))


@given(st.dictionaries(st.text(max_size=10), st.integers() | st.floats() | st.text(), max_size=6))
def test_every_status_fits_its_schema(details: dict[str, Any]) -> None:
    """Whatever the daemon tells of itself is what the status schema promises."""
    check("status", status_payload("running", version="0.1.0", details=details, envelope=ENVELOPE))


def test_messages_of_the_version_before_still_fit() -> None:
    """A log that spans an upgrade is valid throughout: what came with 1.1 is not required."""
    old = {name: value for name, value in SCORE.items() if name != "depth" and not name.endswith("vs_top")}
    check("score", old | {"version": "1.0"})
    with pytest.raises(ValidationError):
        check("score", SCORE | {"vs_top": 101})


def test_an_abstained_score_must_be_null_and_reasoned() -> None:
    """The schema itself refuses a number without a measurement and a measurement without a number."""
    abstained = score_payload(a_score(score=None), envelope=ENVELOPE)
    check("score", abstained)
    for wrong in (abstained | {"score": 0}, abstained | {"reason": None}, SCORE | {"score": None}):
        with pytest.raises(ValidationError):
            check("score", wrong)
