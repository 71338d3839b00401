"""The child's inner parts: from bytes to messages, and the queue of messages to the daemon."""

from __future__ import annotations

import socket
import threading
from functools import partial
from typing import Any

import pytest

from qoed.decode.protocol import receive_blocking
from qoed.ingest.failure import InputError
from qoed.ingest.line import PIECE_BYTES, Line
from qoed.ingest.link import LinkStats
from qoed.ingest.outlet import MAX_SEGMENTS, Outlet
from qoed.ingest.setup import Setup
from qoed.ts import Report
from ts_streams import Layout, joined, stream

Message = tuple[dict[str, Any], bytes]
PIECE = 7 * 188


def play(data: bytes, seconds: float, **settings: Any) -> list[Message]:
    """The messages of a line that gets a stream in `seconds`."""
    messages: list[Message] = []
    line = Line(Setup(kind="udp", **settings), lambda header, body: messages.append((header, body)))
    for at in range(0, len(data), PIECE):
        line.feed(data[at : at + PIECE], at / len(data) * seconds, partial(LinkStats, received=at))
    line.finish(seconds, lambda: None)
    return messages


def of(messages: list[Message], kind: str) -> list[Message]:
    return [message for message in messages if message[0]["is"] == kind]


def test_stream_becomes_segments_and_reports() -> None:
    """Six seconds are three segments, and a report every two seconds."""
    messages = play(joined(stream()), 6.0)
    segments, reports = of(messages, "segment"), of(messages, "report")

    assert [header["duration_s"] for header, _ in segments] == [2.0, 2.0, 2.0]
    assert {header["container"] for header, _ in segments} == {"mpegts"}
    assert len(reports) == 3
    assert all(Report.of(header["transport"]).faults == () for header, _ in reports)
    assert sum(header["transport"]["packets"] for header, _ in reports) == len(stream())
    assert reports[0][0]["link"]["received"] > 0
    assert reports[-1][0]["link"] is None


def test_segment_length_is_a_setting() -> None:
    """`input.segment` is how long segments are at least."""
    messages = play(joined(stream(Layout(seconds=8))), 8.0, segment_s=4.0)

    assert [header["duration_s"] for header, _ in of(messages, "segment")] == [4.0, 4.0]


def test_time_passes_without_bytes() -> None:
    """What has arrived is looked at after a moment, though nothing follows; reports come all the same."""
    messages: list[Message] = []
    line = Line(Setup(kind="udp"), lambda header, body: messages.append((header, body)))
    data = joined(stream(Layout(seconds=3)))
    assert len(data) < 3 * PIECE_BYTES
    line.feed(data, 0.0, lambda: None)
    line.feed(None, 0.2, lambda: None)
    line.feed(None, 2.5, lambda: None)

    assert [header["is"] for header, _ in messages] == ["segment", "report"]


def test_stream_that_cannot_be_cut_is_an_input_error() -> None:
    """A program that is not there ends the input with its reason."""
    with pytest.raises(InputError, match="there is no program 3 in the stream; it has 1"):
        play(joined(stream()), 6.0, program=3)


def received(sock: socket.socket, count: int) -> list[Message]:
    messages = []
    for _ in range(count):
        message = receive_blocking(sock)
        assert message is not None
        messages.append((message[0], bytes(message[1])))
    return messages


def test_outlet_sends_in_order_and_says_how_long_it_was_silent() -> None:
    """Messages go out as they come; a beat fills the pauses; each says when media came last."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outlet = Outlet(theirs)
        outlet.put({"is": "a"})
        outlet.heard()
        outlet.put({"is": "segment", "duration_s": 2.0}, b"media")
        messages = received(ours, 3)
        outlet.close()

    assert [header["is"] for header, _ in messages] == ["a", "segment", "beat"]
    assert messages[1][1] == b"media"
    assert messages[2][0]["silent_s"] >= 0.4
    assert all(header["dropped"] == 0 for header, _ in messages)


def test_outlet_drops_the_oldest_segments_and_counts_them() -> None:
    """While the daemon is busy, a bounded number of segments waits; the rest is counted with its duration."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outlet = Outlet(theirs)
        body = bytes(1 << 20)  # more than a socket buffers: the first one blocks the thread
        for number in range(10):
            outlet.put({"is": "segment", "number": number, "duration_s": 2.0}, body)
        closer = threading.Thread(target=outlet.close)
        closer.start()
        numbers, dropped, dropped_s = [], 0, 0.0
        while not numbers or numbers[-1] != 9:
            ((header, _),) = received(ours, 1)
            numbers.append(header.get("number", -1))
            dropped += header["dropped"]
            dropped_s += header["dropped_s"]
        closer.join()

    assert numbers[-MAX_SEGMENTS:] == [6, 7, 8, 9]
    assert len(numbers) + dropped == 10
    assert dropped_s == 2.0 * dropped
