"""The outbox against its promise, for any order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qoed.model import DropReason
from qoed.publish.outbox import Kind, Message, Outbox

PUTS = st.sampled_from(Kind)
ENDS = st.sampled_from(["sent", "drop", "put_back"])
STEPS = st.lists(st.one_of(PUTS, st.integers(0, 8), ENDS), max_size=200)


def message(kind: Kind, number: int) -> Message:
    return Message(kind=kind, stream="news", event_id=str(number), payload=b"{}")


@given(st.integers(1, 20), STEPS)
def test_every_message_is_accounted_for(bound: int, steps: list[Kind | int | str]) -> None:
    """At any instant, for every kind, received = sent + dropped by reason + buffered, within the bound."""
    outbox, in_flight = Outbox(bound), ()
    for number, step in enumerate(steps):
        if isinstance(step, Kind):
            outbox.put(message(step, number))
        elif isinstance(step, int) and not in_flight:
            in_flight = outbox.take(step)
        elif step == "sent":
            outbox.sent(in_flight)
        elif step == "drop":
            outbox.drop(in_flight, DropReason.PUBLISH_REFUSED)
        elif step == "put_back":
            outbox.put_back(in_flight)
        if isinstance(step, str) and not isinstance(step, Kind):
            in_flight = ()
        assert len(outbox) <= bound + len(in_flight)
        for kind in (None, *Kind):
            stats = outbox.stats(kind)
            assert stats.received == stats.sent + sum(stats.dropped.values()) + stats.buffered


@given(st.integers(1, 20), st.lists(PUTS, max_size=100), st.integers(0, 100), st.integers(0, 20))
def test_alerts_outlive_everything_else(bound: int, kinds: list[Kind], at: int, size: int) -> None:
    """An alert is dropped, oldest first, only when there are more alerts than room, whatever is in flight."""
    outbox, in_flight = Outbox(bound), ()
    for number, kind in enumerate(kinds):
        if number == at:
            in_flight = outbox.take(size)
        outbox.put(message(kind, number))
    outbox.put_back(in_flight)
    alerts = [number for number, kind in enumerate(kinds) if kind is Kind.ALERT]
    kept = [int(m.event_id) for m in outbox.take(bound) if m.kind is Kind.ALERT]
    assert kept == alerts[-bound:]


def test_returned_messages_keep_their_order() -> None:
    """Messages that could not be sent go out later in the order in which they came."""
    outbox = Outbox(100)
    for number in range(10):
        outbox.put(message(Kind.ALERT, number))
    outbox.put_back(outbox.take(4))
    assert [m.event_id for m in outbox.take(10)] == [str(number) for number in range(10)]
