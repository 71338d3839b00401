"""MPEG-TS over UDP and RTP, from the datagram to the decoded clip."""

from __future__ import annotations

import socket

import pytest

from live_inputs import DATAGRAM, Hasty, Sender, opened, program, supervised, udp_port, watching
from qoed.clock import SystemClock
from qoed.decode import DecodeOptions
from qoed.decode.pool import DecodePool
from qoed.model import Decoded, Outcome, Phase, Reason, Segment
from qoed_engine.manifest import Recipe
from ts_streams import Layout, joined, stream


async def decoded(segments: list[Segment], depth: str = "full") -> list[Decoded]:
    """What the decode workers say of segments."""
    async with DecodePool(1, Recipe(), SystemClock()) as pool:
        options = DecodeOptions(depth=depth)  # type: ignore[arg-type]
        return [await pool.decode(segment, options) for segment in segments]


@pytest.mark.parametrize("scheme", ["udp", "rtp"])
async def test_datagrams_become_clips(scheme: str) -> None:
    """What is sent to a port is cut into segments of two seconds that decode without a finding."""
    port = udp_port()
    async with watching(f"{scheme}://127.0.0.1:{port}") as watch:
        await opened(port)
        with Sender(port, rtp=scheme == "rtp"):
            await watch.got(3)
    results = await decoded(watch.segments[:3])

    assert watch.findings == []
    assert [result.outcome for result in results] == [Outcome.OK] * 3
    assert [result.findings for result in results] == [()] * 3
    assert [len(result.clips) for result in results] == [2, 2, 2]
    for number, segment in enumerate(watch.segments):
        assert (segment.sequence, segment.duration_s) == (number, 2.0)
        assert segment.media_time_s == 2.0 * number
        assert (segment.rendition.id, segment.container) == ("main", "mpegts")
        assert segment.transport_checked
        assert not segment.discontinuity
        assert abs(segment.received_s - SystemClock().monotonic()) < 60


async def test_multicast_group_is_joined() -> None:
    """A group is joined on the interface that the configuration names."""
    port = udp_port()
    async with watching(f"udp://@239.77.7.7:{port}", interface="lo") as watch:
        await opened(port)
        with Sender(port, host="239.77.7.7"):
            await watch.got(2)

    assert [segment.duration_s for segment in watch.segments[:2]] == [2.0, 2.0]


async def test_only_the_chosen_sender_of_a_group_is_heard() -> None:
    """`udp://sender@group:port` joins for one sender: another one's packets do not come."""
    port = udp_port()
    options = {"interface": "lo", "input_stalled": 1.0}
    async with (
        watching(f"udp://127.0.0.1@232.77.7.7:{port}", **options) as mine,
        watching(f"udp://192.0.2.1@232.77.7.7:{port}", **options) as others,
    ):
        await opened(port)
        with Sender(port, host="232.77.7.7"):
            await mine.got(2)
            await others.until(lambda: others.findings)

    assert others.segments == []
    assert others.told() == [Reason.INPUT_STALLED]


async def test_reordered_packets_do_no_harm() -> None:
    """RTP that comes out of order on the way is put in order: nothing is lost and nothing is found."""
    port = udp_port()
    async with watching(f"rtp://127.0.0.1:{port}", clock=Hasty(10)) as watch:
        await opened(port)
        with Sender(port, rtp=True, shuffle=6):
            await watch.got(5)
    results = await decoded(watch.segments[:5])

    assert watch.findings == []
    assert [result.outcome for result in results] == [Outcome.OK] * 5


async def test_lost_datagrams_are_told_and_damage_pictures() -> None:
    """Lost packets break continuity, are counted on the link where it has numbers, and show as damage."""
    port = udp_port()
    async with watching(f"rtp://127.0.0.1:{port}", clock=Hasty(10)) as watch:
        await opened(port)
        with Sender(port, rtp=True, lose=lambda number: number % 40 == 39):
            await watch.until(lambda: Reason.LINK_LOSS in watch.told())
            await watch.got(4)
    results = await decoded(watch.segments[:4])
    loss = next(each for each in watch.findings if each.reason is Reason.LINK_LOSS)

    assert set(watch.told()) == {Reason.TS_CONTINUITY, Reason.LINK_LOSS}
    assert loss.value is not None
    assert loss.evidence["received"] / loss.value == pytest.approx(39, rel=0.5)
    assert Outcome.DAMAGED in {result.outcome for result in results}
    assert Reason.DAMAGE in {finding.reason for result in results for finding in result.findings}


async def test_one_program_of_many_is_chosen() -> None:
    """`input.program` takes one program; a number that is not there is an error that lists what is."""
    port = udp_port()
    sent = joined(stream(Layout(seconds=24, programs={5: 4097, 1: 4096})))
    async with watching(f"udp://127.0.0.1:{port}", program=1) as watch:
        await opened(port)
        with Sender(port, data=sent):
            await watch.got(2)
    async with watching(f"udp://127.0.0.1:{port}", program=7) as watch:
        await opened(port)
        with Sender(port, data=sent):
            error = await watch.failed()

    assert str(error) == f"udp://127.0.0.1:{port}: there is no program 7 in the stream; it has 5, 1"
    assert error.retryable


async def test_stream_without_key_frames_decodes_on() -> None:
    """Segments cut between key frames go on where the one before ended, and decode all the same."""
    port = udp_port()
    async with watching(f"udp://127.0.0.1:{port}") as watch:
        await opened(port)
        with Sender(port, data=program(gop=10_000)):
            await watch.got(2)
    first, second = watch.segments[:2]
    results = await decoded([first, second])

    assert (first.duration_s, first.unfinished, first.continues) == (10.0, True, False)
    assert second.continues
    assert [result.outcome for result in results] == [Outcome.OK, Outcome.OK]
    assert all(result.clips for result in results)


async def test_noise_on_the_port_is_told_as_noise() -> None:
    """Datagrams that are no transport stream are a lost sync, and then an error that says so."""
    port = udp_port()
    noise = bytes(range(256)) * 4000
    async with watching(f"udp://127.0.0.1:{port}", timeout_s=3.0) as watch:
        await opened(port)
        with Sender(port, data=noise):
            error = await watch.failed()

    assert watch.told(phase=Phase.START) == [Reason.TS_SYNC_LOSS]
    assert "no PAT and PMT within 3 s" in str(error)


async def test_port_in_use_is_told() -> None:
    """Two inputs on one port of one address cannot be: the second says why."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with watching(f"udp://127.0.0.1:{port}") as watch:
            error = await watch.failed()

    assert str(error) == f"udp://127.0.0.1:{port}: the port is in use on this host"


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("udp://192.0.2.1:5000", {}, "the address is not one of this host's"),
        ("udp://@239.1.2.3:5000", {"interface": "nosuch0"}, "there is no network interface nosuch0"),
    ],
)
async def test_what_cannot_be_opened_says_why(url: str, options: dict[str, str], said: str) -> None:
    """A foreign address or an unknown interface is named, not FFmpeg's error number."""
    async with watching(url, **options) as watch:
        error = await watch.failed()

    assert said in str(error)
    assert error.retryable


async def test_sender_that_comes_back_goes_on_in_time() -> None:
    """After an outage the source is opened anew: media time goes on with a hole, as a discontinuity."""
    port = udp_port()
    quick = {"timeout_s": 1.0, "input_stalled": 0.4}
    async with supervised(f"udp://127.0.0.1:{port}", **quick) as watch:
        with Sender(port):
            await watch.got(3)
        before = len(watch.segments)
        await watch.until(lambda: Reason.INPUT_UNAVAILABLE in watch.told())
        with Sender(port):
            await watch.got(before + 2)
            await watch.until(lambda: watch.told(phase=Phase.END))
    segments = watch.segments
    ends = [round(each.media_time_s + each.duration_s, 6) for each in segments]

    assert [each.sequence for each in segments] == list(range(len(segments)))
    assert all(later.media_time_s >= end for later, end in zip(segments[1:], ends, strict=False))
    assert [each.sequence for each in segments if each.discontinuity] == [before]
    assert segments[before].media_time_s > ends[before - 1] + 1.0
    told = [(each.reason, each.phase, each.rendition) for each in watch.findings]
    assert told[:2] == [
        (Reason.INPUT_STALLED, Phase.START, "main"),
        (Reason.INPUT_UNAVAILABLE, Phase.START, None),
    ]
    assert (Reason.INPUT_UNAVAILABLE, Phase.END, None) in told


def test_sender_sends_whole_packets() -> None:
    """What these tests send is what they say: datagrams of seven packets."""
    assert DATAGRAM == 1316
    assert len(program()) % 188 == 0
