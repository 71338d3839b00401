"""What a person sees of the demo, and the processes behind it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from rich.console import Console

from fake_clock import FakeClock
from qoed.demo.broadcast import Broadcast
from qoed.demo.child import DaemonChild
from qoed.demo.encode import Made, Order
from qoed.demo.faults import BLACK, TS, Fault, FaultKind
from qoed.demo.ladder import LADDER
from qoed.demo.origin import LiveStream
from qoed.demo.show import Show
from qoed.demo.studio import Studio
from qoed.errors import QoedError, SourceError

RENDITION = LADDER[0].rendition


class Stencil:
    """Makes segments of nothing."""

    async def make(self, index: int, orders: Sequence[Order]) -> list[Made]:
        return [Made(b"", b"x") for _ in orders]


def alert(state: str, rule: str = BLACK) -> dict[str, Any]:
    return {
        "schema": "qoed.alert",
        "time": "2026-01-01T00:00:00Z",
        "event_id": f"{rule}-{state}",
        "stream": TS,
        "rendition": RENDITION,
        "rule": rule,
        "fingerprint": f"f-{rule}",
        "state": state,
        "severity": "critical",
        "message": f"{rule} it is",
    }


def score(value: float | None, coverage: float = 1.0) -> dict[str, Any]:
    return {
        "schema": "qoed.score",
        "time": "2026-01-01T00:00:00Z",
        "stream": TS,
        "rendition": RENDITION,
        "score": value,
        "w10s_coverage": coverage,
    }


async def play(clock: FakeClock, *, live: bool) -> tuple[Show, str]:
    """A black fault, its alert 2.5 s later, its resolve, and what was printed."""
    broadcast = Broadcast(Stencil(), [LiveStream(TS, "mpegts", LADDER)], clock)
    await broadcast.prepare()
    out = io.StringIO()
    show = Show(broadcast, Console(file=out, width=150, force_terminal=live), clock, live=live)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(broadcast.run()), group.create_task(show.run())]
        await clock.settle()
        show.hear(score(78.0))
        broadcast.begin([Fault(kind=FaultKind.BLACK, stream=TS, at_s=0, for_s=4, expect=frozenset({BLACK}))])
        assert broadcast.epoch_s is not None
        await clock.advance(broadcast.epoch_s - clock.monotonic() + 2.5)
        show.hear(alert("firing"))
        await clock.advance(6)
        show.hear(alert("resolved"))
        await clock.advance(1)
        for task in tasks:
            task.cancel()
    show.finish()
    return show, out.getvalue()


async def test_plain_output_tells_the_story(clock: FakeClock) -> None:
    """Without a terminal the demo prints scores, faults, alerts and the table as plain lines."""
    show, text = await play(clock, live=False)

    assert show.verdict().passed
    assert f"{TS}: {RENDITION} 78 Good" in text
    assert f"fault   black on {TS}: on air" in text
    assert f"ALERT firing critical {TS}/{RENDITION} black it is" in text
    assert "1 of 1 faults raised, 0 false alerts" in text
    assert "median 2.5 s, worst 2.5 s" in text
    assert "\x1b" not in text


async def test_terminal_shows_faults_live(clock: FakeClock) -> None:
    """On a terminal the demo draws the origin's faults with their state and the alert's delay."""
    _, text = await play(clock, live=True)

    assert "faults at the origin" in text
    assert "on air for" in text
    assert "black after 2.5 s" in text


async def test_warm_up_waits_for_scores_and_calm(clock: FakeClock) -> None:
    """Faults begin only once every rendition has a well-covered window and nothing fires."""
    broadcast = Broadcast(Stencil(), [LiveStream(TS, "mpegts", LADDER)], clock)
    show = Show(broadcast, Console(file=io.StringIO()), clock, live=True)
    wanted = {(TS, RENDITION)}

    assert not show.settled(wanted)
    show.hear(score(80.0, coverage=0.2))
    assert not show.settled(wanted)
    show.hear(score(80.0))
    assert show.settled(wanted)
    show.hear(alert("firing"))
    assert not show.settled(wanted)


async def test_finish_prints_one_table(clock: FakeClock) -> None:
    """The table is printed once, however often the demo ends."""
    out = io.StringIO()
    show = Show(
        Broadcast(Stencil(), [LiveStream(TS, "mpegts", LADDER)], clock), Console(file=out), clock, live=False
    )
    show.finish()
    show.finish()

    assert out.getvalue().count("What was broken") == 1


def small_clip(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        picture = np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, number, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


async def test_studio_makes_segments_in_a_child(tmp_path: Path) -> None:
    """Segments are made in a process of their own, which is gone when the demo is over."""
    async with Studio(small_clip(tmp_path / "clip.mp4")) as studio:
        orders = [Order(TS, LADDER[2], "mpegts"), Order(TS, LADDER[2], "fmp4")]
        ts, fmp4 = await studio.make(0, orders)

    assert ts.media[0] == 0x47
    assert fmp4.init[4:8] == b"ftyp"


async def test_studio_passes_on_why_a_clip_is_refused(tmp_path: Path) -> None:
    """A clip that cannot be played is refused with the same clear line across the process boundary."""
    async with Studio(tmp_path / "nowhere.mp4") as studio:
        with pytest.raises(SourceError, match=r"nowhere\.mp4: cannot play this clip"):
            await studio.make(0, [Order(TS, LADDER[2], "mpegts")])


async def test_daemon_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """A daemon that ends by itself ends the demo with its exit code and the end of its log."""
    async with DaemonChild(tmp_path / "no-such-config.yaml", tmp_path / "daemon.log") as daemon:
        with pytest.raises(QoedError, match=r"the daemon ended with code 78: .*no-such-config\.yaml"):
            await daemon.watch()
