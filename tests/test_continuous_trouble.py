"""What goes wrong with continuous inputs costs one stream, is told as what it is, and is over soon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from live_inputs import Sender, children, opened, program, supervised, udp_port, watching
from qoed.errors import ErrorReason
from qoed.model import Phase, Reason
from qoed.source import continuous

SECRET = "S3CR3T-S3CR3T"


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP])
async def test_a_child_that_dies_or_hangs_costs_its_own_stream_only(
    blow: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is replaced within seconds and told as the probe's trouble; the stream beside it misses nothing."""
    monkeypatch.setattr(continuous, "HUNG_S", 1.5)
    mine, beside = udp_port(), udp_port()
    async with (
        supervised(f"udp://127.0.0.1:{mine}", stream="mine") as hit,
        supervised(f"udp://127.0.0.1:{beside}", stream="beside") as spared,
    ):
        await opened(mine, beside)
        with Sender(mine, speed=3), Sender(beside, speed=3):
            await hit.got(1)
            await spared.got(1)
            victim = next(pid for pid in children() if listens(pid, mine))
            os.kill(victim, blow)
            before = len(hit.segments)
            await hit.got(before + 2)
            await spared.got(6)

    assert victim not in children()
    assert hit.told() == [Reason.DECODER_RESTARTED]
    assert hit.findings[0].reason.domain == "probe"
    ending = "SIGKILL" if blow is signal.SIGSTOP else blow.name  # a hung one is killed
    assert f"({ending}); it is started anew" in hit.findings[0].message
    assert any(each.discontinuity for each in hit.segments[before:])
    assert spared.findings == []
    assert [each.media_time_s for each in spared.segments] == [2.0 * n for n in range(len(spared.segments))]
    assert not any(each.discontinuity for each in spared.segments)


async def test_silence_is_stalled_and_then_an_error() -> None:
    """An input that is open and never sends is told after its limit, and ends after the timeout."""
    port = udp_port()
    async with watching(f"udp://127.0.0.1:{port}", input_stalled=0.5, timeout_s=1.5) as watch:
        error = await watch.failed()

    assert str(error) == f"udp://127.0.0.1:{port}: no media within 1.5 s"
    assert (error.reason, error.retryable) == (ErrorReason.SOURCE_UNAVAILABLE, True)
    assert [(each.reason, each.phase) for each in watch.findings] == [(Reason.INPUT_STALLED, Phase.START)]


async def test_sender_that_stops_is_stalled_and_then_ended() -> None:
    """When media stop, it is told within the limit; the run then ends as an input that has ended."""
    port = udp_port()
    async with watching(f"udp://127.0.0.1:{port}", input_stalled=0.5, timeout_s=1.5) as watch:
        await opened(port)
        with Sender(port):
            await watch.got(1)
        stopped = time.monotonic()
        await watch.until(lambda: Reason.INPUT_STALLED in watch.told())
        assert time.monotonic() - stopped < 2.0
        error = await watch.failed()

    assert error.reason is ErrorReason.SOURCE_ENDED
    assert watch.told() == [Reason.INPUT_STALLED]


async def test_a_short_pause_is_stalled_and_over() -> None:
    """A pause shorter than the timeout begins and ends as one finding, and the connection stays."""
    port = udp_port()
    async with watching(f"udp://127.0.0.1:{port}", input_stalled=0.5, timeout_s=8.0) as watch:
        await opened(port)
        with Sender(port):
            await watch.got(1)
        await watch.until(lambda: Reason.INPUT_STALLED in watch.told())
        with Sender(port):
            await watch.until(lambda: Phase.END in {each.phase for each in watch.findings})
            await watch.got(len(watch.segments) + 2)

    stalled = [each.phase for each in watch.findings if each.reason is Reason.INPUT_STALLED]
    assert stalled == [Phase.START, Phase.END]
    assert watch.error is None


async def test_busy_decoder_is_the_probes_trouble() -> None:
    """While nobody takes segments, the oldest are dropped and counted; nothing is told of the input."""
    port, much = udp_port(), program(gop=15)
    async with watching(f"udp://127.0.0.1:{port}", segment_s=0.5, input_stalled=1.0, timeout_s=4.0) as watch:
        await opened(port)
        with Sender(port, data=much, speed=3):
            await watch.got(1)
            watch.hold = asyncio.Event()
            await asyncio.sleep(6.0)
            watch.hold.set()
            await watch.until(lambda: Reason.OVERLOADED in watch.told())
            await watch.got(8)

    assert set(watch.told()) == {Reason.OVERLOADED}
    assert "segments dropped, the decoder cannot keep up" in watch.findings[0].message
    numbers = [each.sequence for each in watch.segments]
    missing = numbers[-1] + 1 - len(numbers)
    assert missing == sum(each.evidence["segments"] for each in watch.findings)
    assert missing > 0
    times = [each.media_time_s for each in watch.segments]
    assert times == sorted(times)


async def test_stop_ends_the_child_at_once() -> None:
    """Cancelling a source leaves no process behind, whatever the child is at."""
    port = udp_port()
    async with watching(f"udp://127.0.0.1:{port}"):
        while not children():
            await asyncio.sleep(0.02)
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2.0
    assert children() == []


async def test_child_is_confined_and_holds_no_secret_in_sight() -> None:
    """Memory and files are bounded, no descriptor of ours is open, and `ps` shows no secret."""
    with open(__file__) as ours, socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(10)
        port = mute.getsockname()[1]
        async with watching(f"rtsp://user:{SECRET}@127.0.0.1:{port}/a") as watch:
            call, _ = await asyncio.to_thread(mute.accept)
            with call:
                (pid,) = children()
                proc = Path(f"/proc/{pid}")
                limits = proc.joinpath("limits").read_text()
                targets = {os.readlink(each) for each in proc.joinpath("fd").iterdir()}
                seen = proc.joinpath("cmdline").read_bytes() + proc.joinpath("environ").read_bytes()
                status = proc.joinpath("status").read_text()

    assert f"Max address space         {1 << 30}" in limits
    assert "Max core file size        0" in limits
    assert "Max open files            64" in limits
    assert "NoNewPrivs:\t1" in status
    assert ours.name not in targets
    assert {target for target in targets if target.startswith("/")} <= {"/dev/null", *terminals()}
    assert SECRET.encode() not in seen
    assert SECRET not in repr(watch.source)


def listens(pid: int, port: int) -> bool:
    """Whether a process holds the socket of a UDP port."""
    inodes = set()
    with contextlib.suppress(OSError):
        inodes = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(f"socket:[{line.split()[9]}]" in inodes for line in lines if f":{port:04X} " in line)


def terminals() -> set[str]:
    """Where standard error goes."""
    return {os.readlink("/proc/self/fd/2")}
