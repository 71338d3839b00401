"""Batching over streams: full or due, fair, bounded, accounted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed.batch import FairBatcher
from qoed.model import Clip

FRAMES = np.zeros((1, 2, 1, 3), np.uint8)


def clip(stream: str, at: float = 0.0) -> Clip:
    return Clip(stream=stream, rendition="r", media_time_s=at, frames=FRAMES)


def test_a_full_batch_is_due_at_once() -> None:
    """As soon as a batch is full it is due, without waiting for the deadline."""
    batcher = FairBatcher(batch_size=2, deadline_s=1.0, per_stream=8)
    batcher.put(clip("a"), 0.0)

    assert batcher.wait_s(0.0) == 1.0

    batcher.put(clip("b"), 0.1)

    assert batcher.wait_s(0.1) == 0.0


def test_a_lonely_clip_waits_no_longer_than_the_deadline() -> None:
    """A clip that finds no company is scored when its deadline has passed."""
    batcher = FairBatcher(batch_size=8, deadline_s=0.2, per_stream=8)
    batcher.put(clip("a"), 5.0)

    assert batcher.wait_s(5.125) == pytest.approx(0.075)
    assert batcher.wait_s(5.2) == 0.0
    assert len(batcher.take()) == 1
    assert batcher.wait_s(5.2) is None


def test_a_busy_stream_does_not_crowd_out_a_quiet_one() -> None:
    """Streams take turns: one with a long queue cannot keep another waiting."""
    batcher = FairBatcher(batch_size=2, deadline_s=1.0, per_stream=100)
    for index in range(50):
        batcher.put(clip("busy", index), 0.0)
    batcher.put(clip("quiet"), 0.0)

    assert {item.stream for item in batcher.take()} == {"busy", "quiet"}


def test_an_overfull_stream_loses_its_own_oldest_clips() -> None:
    """When a stream's queue is full its oldest clip goes, is handed back, and no other stream pays."""
    batcher = FairBatcher(batch_size=8, deadline_s=1.0, per_stream=2)
    batcher.put(clip("other"), 0.0)
    shed = [lost for at in range(4) for lost in batcher.put(clip("a", float(at)), 0.0)]

    assert [item.media_time_s for item in shed] == [0.0, 1.0]
    assert [item.media_time_s for item in batcher.take() if item.stream == "a"] == [2.0, 3.0]
    assert batcher.dropped == 2


@given(st.lists(st.sampled_from(["put a", "put b", "put c", "take", "forget a"]), max_size=200))
def test_every_clip_is_accounted_for_at_any_instant(actions: list[str]) -> None:
    """received = taken + dropped + waiting, whatever the order of events."""
    batcher = FairBatcher(batch_size=3, deadline_s=1.0, per_stream=4)
    for action in actions:
        verb, _, stream = action.partition(" ")
        if verb == "put":
            batcher.put(clip(stream), 0.0)
        elif verb == "take":
            batcher.take()
        else:
            batcher.forget(stream)

        assert batcher.received == batcher.taken + batcher.dropped + len(batcher)
