"""`qoed score` and `qoed check` on live inputs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engines import ScriptedEngine
from live_inputs import Sender, opened, program, udp_port
from qoed.cli.probe import probe
from qoed.cli.score import _may_be_endless
from qoed.model import Reason
from qoed.scoring import score_path
from qoed.source import HttpClient, SourceOptions
from qoed.source.input_options import InputOptions


async def test_score_takes_a_live_input_for_so_long() -> None:
    """`qoed score udp://...` scores as many seconds as are asked for and ends."""
    port = udp_port()
    program()
    scoring = asyncio.create_task(
        score_path(f"udp://127.0.0.1:{port}", seconds=4, engine=ScriptedEngine(), workers=1)
    )
    await opened(port)
    with Sender(port):
        report = await asyncio.wait_for(scoring, 30)

    assert len(report.clips) == 4
    assert report.score is not None
    assert report.findings == []
    assert [each.id for each in report.renditions] == ["main"]


async def test_score_of_an_input_that_ends_is_a_report_of_what_came() -> None:
    """A publisher that stops before the time is up does not cost what was scored until then."""
    port = udp_port()
    program()
    scoring = asyncio.create_task(
        score_path(f"udp://127.0.0.1:{port}", seconds=600, engine=ScriptedEngine(), workers=1)
    )
    await opened(port)
    with Sender(port) as sender:
        while sender.sent < 100:
            await asyncio.sleep(0.1)
    report = await asyncio.wait_for(scoring, 30)

    assert len(report.clips) >= 2
    assert [each.reason for each in report.findings] == [Reason.INPUT_STALLED]


async def test_score_of_an_input_that_cannot_be_had_is_an_error() -> None:
    """What makes no sense ends in the source's error, not in an empty report."""
    with pytest.raises(ExceptionGroup) as caught:
        await score_path(f"udp://127.0.0.1:{udp_port()}", engine=ScriptedEngine(), workers=1, format="dash")

    assert "format dash is not had over udp" in str(caught.value.exceptions[0])


@pytest.mark.parametrize(
    ("target", "format", "endless"),
    [
        ("udp://@239.1.1.1:5000", "auto", True),
        ("RTSP://h/a", "auto", True),
        ("https://h/live.ts", "ts", True),
        ("https://h/clip.ts", "auto", False),
        ("https://h/a.m3u8?x=1", "auto", True),
        ("clip.mp4", "auto", False),
    ],
)
def test_endless_targets_stop_by_themselves(target: str, format: str, endless: bool) -> None:
    """Live inputs and playlists are scored for a minute unless more is asked for; files to their end."""
    assert _may_be_endless(target, format) == endless  # type: ignore[arg-type]


async def test_check_shows_a_segment_of_a_live_input() -> None:
    """`qoed check` is content with one segment of it, and leaves no process behind."""
    port = udp_port()
    program()
    async with HttpClient() as http:
        looking = asyncio.create_task(
            probe("feed", f"udp://127.0.0.1:{port}", SourceOptions(), http=http, timeout_s=15)
        )
        await opened(port)
        with Sender(port):
            found = await looking

    assert found.error is None
    assert {name: each.duration_s for name, each in found.segments.items()} == {"main": 2.0}


async def test_check_says_why_an_input_cannot_be_had(tmp_path: Path) -> None:
    """The verdict of a live input is its source's own line."""
    options = SourceOptions(input=InputOptions(interface="nosuch0"))
    async with HttpClient() as http:
        found = await probe("feed", "udp://@239.1.1.1:5000", options, http=http, timeout_s=15)

    assert found.error == "udp://239.1.1.1:5000: there is no network interface nosuch0"
    assert json.dumps(found.error)
