"""Silence, losses and media time of continuous inputs, with scripted time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qoed.checks import CheckSettings
from qoed.errors import ErrorReason, SourceError
from qoed.ingest.link import LinkStats
from qoed.model import Finding, Phase, Reason
from qoed.source.input_watch import LinkWatch, LiveTime, OwnLosses, SilenceWatch, transport_findings
from qoed.source.report import Report
from qoed.ts import Fault
from qoed.ts import Report as Transport


def report(**checks: float | bool) -> Report:
    return Report("feed", "main", CheckSettings({Reason(name): value for name, value in checks.items()}))


def edges(findings: list[Finding]) -> list[tuple[Reason, Phase, float | None]]:
    return [(each.reason, each.phase, each.value) for each in findings]


def test_silence_is_stalled_after_its_limit_and_over_with_the_next_media() -> None:
    """Five seconds without media are told once; their end is told with how long it was."""
    watch = SilenceWatch(report(), timeout_s=30, patient=False)
    watch.connected(0)

    assert [watch.beat(silent, now) for silent, now in ((0.1, 1.0), (4.9, 6.0))] == [[], []]
    assert edges(watch.beat(5.4, 6.5)) == [(Reason.INPUT_STALLED, Phase.START, 5.4)]
    assert watch.beat(5.9, 7.0) == []
    assert edges(watch.beat(0.2, 9.5)) == [(Reason.INPUT_STALLED, Phase.END, 3.0)]


def test_silence_from_the_beginning_counts_from_the_connection() -> None:
    """An input that opens and never sends anything is stalled, too; one that is still opening is not."""
    watch = SilenceWatch(report(input_stalled=3), timeout_s=30, patient=False)
    assert watch.beat(None, 100) == []
    watch.connected(100)

    assert watch.beat(None, 102.9) == []
    assert edges(watch.beat(None, 103.5)) == [(Reason.INPUT_STALLED, Phase.START, 3.5)]


@pytest.mark.parametrize(
    ("silent_s", "reason"), [(None, ErrorReason.SOURCE_UNAVAILABLE), (10.5, ErrorReason.SOURCE_ENDED)]
)
def test_long_silence_ends_the_connection(silent_s: float | None, reason: ErrorReason) -> None:
    """After the timeout the run ends with an error, so that the supervisor opens the input anew."""
    watch = SilenceWatch(report(), timeout_s=10, patient=False)
    watch.connected(0)
    watch.check(silent_s and 9.5, 9.5)
    with pytest.raises(SourceError, match=r"no media (within|for) 10 s") as caught:
        watch.check(silent_s, 10.5)
    assert caught.value.reason is reason


def test_listener_waits_for_its_caller_without_end() -> None:
    """Who listens is stalled while nobody calls, but goes on listening; after a call the timeout holds."""
    watch = SilenceWatch(report(), timeout_s=10, patient=True)
    watch.connected(0)
    watch.check(None, 1000)
    assert edges(watch.beat(None, 1000)) == [(Reason.INPUT_STALLED, Phase.START, 1000)]
    with pytest.raises(SourceError):
        watch.check(11, 1011)


def test_losses_are_told_by_windows_of_ten_seconds() -> None:
    """Every window with more losses than the limit is one finding with what the link says of itself."""
    watch = LinkWatch(report())
    quiet = LinkStats(received=1000, lost=0, repaired=4, rtt_ms=12.5)
    assert watch.take(quiet, 0) == []
    assert watch.take(replace(quiet, received=1500, lost=7), 5) == []
    (finding,) = watch.take(replace(quiet, received=2000, lost=9, repaired=10), 10)

    assert edges([finding]) == [(Reason.LINK_LOSS, Phase.EVENT, 9)]
    assert finding.message == "9 of 2009 packets lost in 10 s"
    assert finding.evidence == {"received": 2000, "rtt_ms": 12.5, "repaired": 10}
    assert watch.take(replace(quiet, received=3000, lost=9), 20) == []


def test_losses_have_a_limit() -> None:
    """`link_loss: 20` bears twenty packets in ten seconds."""
    watch = LinkWatch(report(link_loss=20))
    watch.take(LinkStats(), 0)

    assert watch.take(LinkStats(received=500, lost=20), 10) == []
    assert len(watch.take(LinkStats(received=1000, lost=41), 20)) == 1


def test_totals_begin_anew_with_a_connection() -> None:
    """A new connection's counts are not compared with the old one's."""
    watch = LinkWatch(report())
    watch.take(LinkStats(received=9000, lost=50), 0)
    watch.reset()
    watch.take(LinkStats(received=10), 20)

    assert watch.take(LinkStats(received=900), 30) == []


def test_what_this_host_dropped_is_not_the_links_fault() -> None:
    """Datagrams that did not fit the receive buffer are taken from the losses, and told as the probe's."""
    watch, own = LinkWatch(report()), OwnLosses(report())
    watch.take(LinkStats(), 0)
    stats = LinkStats(received=5000, lost=30, overruns=30)

    assert watch.overrun(stats) == 30
    assert watch.take(stats, 10) == []
    (finding,) = own.take(10, datagrams=30)
    assert edges([finding]) == [(Reason.OVERLOADED, Phase.EVENT, 30)]
    assert finding.message == "30 datagrams did not fit the receive buffer, raise input.buffer"


def test_own_losses_are_told_together() -> None:
    """However often segments are dropped, it is told every ten seconds with their number."""
    own = OwnLosses(report())
    told = [own.take(second, segments=2) for second in range(21)]

    assert [(second, found[0].value) for second, found in enumerate(told) if found] == [
        (0, 2.0),
        (10, 20.0),
        (20, 20.0),
    ]


def faulty(*reasons: Reason) -> Transport:
    faults = tuple(Fault(reason=reason, at_s=0, message=reason.value, value=1.0) for reason in reasons)
    return Transport(faults=faults, packets=100)


def test_conditions_of_a_stream_begin_and_end_with_reports() -> None:
    """A table that is away is told once and ends with the first good report; breaks are told each time."""
    here = report()
    pat, broken = Reason.TS_PAT, Reason.TS_CONTINUITY

    assert edges(transport_findings(faulty(pat, broken), here, 0, overrun=False)) == [
        (pat, Phase.START, 1.0),
        (broken, Phase.EVENT, 1.0),
    ]
    assert edges(transport_findings(faulty(pat), here, 2, overrun=False)) == []
    assert edges(transport_findings(Transport(packets=9), here, 4, overrun=False)) == [(pat, Phase.END, 4.0)]


def test_a_report_without_packets_ends_nothing() -> None:
    """While nothing arrives, nothing is known to be well again."""
    here = report()
    transport_findings(faulty(Reason.TS_PMT), here, 0, overrun=False)

    assert transport_findings(Transport(packets=0), here, 2, overrun=False) == []


def test_breaks_by_our_own_overrun_are_not_told() -> None:
    """Packets that this host dropped are no broken continuity of the stream."""
    assert transport_findings(faulty(Reason.TS_CONTINUITY), report(), 0, overrun=True) == []


def test_checks_that_are_off_are_not_told() -> None:
    """`ts_pat: off` and the like hold for live inputs."""
    here = report(ts_pat=False, ts_continuity=False)

    assert transport_findings(faulty(Reason.TS_PAT, Reason.TS_CONTINUITY), here, 0, overrun=False) == []


def test_media_time_goes_on_segment_by_segment() -> None:
    """Within a connection, segments follow each other whatever the clock says."""
    time = LiveTime()

    starts = [time.place(2.0, now, reconnected=False) for now in (10.0, 12.3, 13.1)]
    assert starts == [0.0, 2.0, 4.0]
    assert time.place(2.0, 17.0, reconnected=False, lost_s=4.0) == 10.0


@pytest.mark.parametrize(("back_at", "start"), [(12.0, 2.0), (13.0, 3.0), (70.0, 60.0)])
def test_media_time_goes_on_through_an_outage(back_at: float, start: float) -> None:
    """A reconnection leaves a hole as long as the outage was, and never runs backwards."""
    time = LiveTime()
    time.place(2.0, 10.0, reconnected=False)

    assert time.place(2.0, back_at, reconnected=True) == start
