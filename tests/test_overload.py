"""Overload: the probe's own trouble is told once, about itself, and ends."""

from __future__ import annotations

from qoed.alert import PROBE_STREAM
from qoed.model import Phase, Reason, Severity
from qoed.overload import QUIET_S, OverloadWatch, engine_fault


def test_the_first_drop_starts_one_finding_about_the_probe() -> None:
    """Many drops are one overload, and it is a finding of the daemon, not of the stream that suffered."""
    watch = OverloadWatch()
    first = watch.dropped("news", 2, 10.0)

    assert first is not None
    assert (first.stream, first.reason, first.phase) == (PROBE_STREAM, Reason.OVERLOADED, Phase.START)
    assert "news" in first.message
    assert watch.dropped("sport", 1, 11.0) is None
    assert watch.active


def test_it_ends_after_a_quiet_while_with_the_number_of_drops() -> None:
    """When nothing was dropped for a while the overload ends and says what it cost."""
    watch = OverloadWatch()
    watch.dropped("news", 2, 10.0)
    watch.dropped("sport", 1, 20.0)

    assert watch.tick(20.0 + QUIET_S - 0.1) is None

    end = watch.tick(20.0 + QUIET_S)

    assert end is not None
    assert (end.phase, end.value, end.evidence["streams"]) == (Phase.END, 3.0, "news, sport")
    assert watch.tick(100.0) is None
    assert not watch.active


def test_a_late_event_loop_is_an_overload_and_a_hiccup_is_none() -> None:
    """One late wake-up is told to nobody; two within ten seconds are an overload, until they stop."""
    watch = OverloadWatch()

    assert watch.woken(0.2, 1.0) is None
    assert watch.woken(1.5, 10.0) is None
    assert watch.woken(1.5, 30.0) is None
    start = watch.woken(0.8, 35.0)

    assert start is not None
    assert (start.phase, start.evidence["loop_late_s"]) == (Phase.START, 0.8)
    assert start.message == "cannot keep up: the event loop is 0.8 s late"
    assert watch.woken(0.9, 36.0) is None
    assert watch.tick(36.0 + QUIET_S) is not None


def test_an_engine_fault_is_a_critical_finding_of_the_probe() -> None:
    """A doubtful engine is told as the probe's critical fault, with its own words."""
    finding = engine_fault(RuntimeError("canary off"))

    assert finding.stream == PROBE_STREAM
    assert (finding.severity, finding.message) == (Severity.CRITICAL, "canary off")
