"""`qoed tail`, the board it draws and the shipped subscriber."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from published import NOON, a_finding, a_score, a_window, an_alert, eventually, running
from qoed.cli.board import Board, band, line, render, sparkline
from qoed.cli.main import app
from qoed.cli.tail import TailOptions, tail
from qoed.model import AlertState, Quality
from qoed.publish.options import RedisOptions
from qoed.publish.payload import Envelope, alert_payload, event_payload, score_payload, status_payload
from qoed.publish.redis import Publisher

if TYPE_CHECKING:
    from redis_server import RedisServer

pytest_plugins = ["redis_server"]

ENVELOPE = Envelope(instance="probe-1", run="r1", seq=1, at=NOON)


def score_of(score: float | None = 72.5, **fields: Any) -> dict[str, Any]:
    return score_payload(a_score(score=score, **fields), [a_window(60, 64.0)], envelope=ENVELOPE)


def drawn(board: Board, *, age_s: float = 1.0, max_rows: int | None = None, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(board, NOON + timedelta(seconds=age_s), max_rows=max_rows))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


class Terminal(io.StringIO):
    """A file that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (100, "Excellent"),
        (80, "Excellent"),
        (79.9, "Good"),
        (60, "Good"),
        (59.9, "Fair"),
        (40, "Fair"),
        (39.9, "Poor"),
        (20, "Poor"),
        (19.9, "Bad"),
        (0, "Bad"),
        (None, "no data"),
    ],
)
def test_scores_have_words(score: float | None, word: str) -> None:
    """A score's word is that of its band of 20, and no score is not called bad."""
    assert band(score)[0] == word


def test_table_shows_a_score_with_all_that_matters() -> None:
    """A rendition's line shows score, word, range, MOS, one-minute mean, trend and age."""
    board = Board()
    for score in (10.0, 50.0, 72.5):
        board.update(score_of(score))
    assert re.search(r"news +720p +72\.5 +Good +66–78 +3\.9 +64\.0 +▁▅▆ +1 s", drawn(board))


def test_wide_table_shows_ladder_and_depth() -> None:
    """Where there is room, a rendition's line also says how far below the top rung and how deep it is."""
    board = Board()
    newest = score_payload(
        a_score(depth="extra_light"), [a_window(10, 64.0, vs_top=-12.34)], envelope=ENVELOPE
    )
    board.update(newest)
    assert re.search(r"-12\.3 +key frames +▆ +1 s", drawn(board))
    assert "vs top" not in drawn(board, width=99)
    assert str(line(newest)).endswith("1m – vs top -12.3 extra_light")


def test_table_fits_a_narrow_terminal() -> None:
    """On 80 columns every figure stays whole; only the trend gives way, and shows the newest."""
    board = Board()
    for score in [*[10.0] * 40, 99.0]:
        board.update(score_of(score))
    row = next(text for text in drawn(board, width=80).splitlines() if "720p" in text)
    assert re.search(r"news +720p +99\.0 +Excellent +93–100 +5\.0 +64\.0 +▁+█ +1 s", row)


def test_table_says_why_there_is_no_score() -> None:
    """A rendition without a score shows the reason, and neither a number nor the last value."""
    board = Board()
    board.update(score_of(72.5))
    board.update(score_of(None))
    row = next(text for text in drawn(board).splitlines() if "720p" in text)
    assert "no data: black" in row
    assert "72.5" not in row


def test_degraded_score_is_marked() -> None:
    """A score from damaged pictures is shown as such."""
    board = Board()
    board.update(score_of(72.5, quality=Quality.DEGRADED, reason="damage"))
    assert "Good (degraded)" in drawn(board)


def test_old_score_is_dimmed() -> None:
    """A score that is no longer of now is dimmed and shows its age."""
    board = Board()
    board.update(score_of())
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="standard")
    console.print(render(board, NOON + timedelta(minutes=5)))
    row = next(text for text in console.file.getvalue().splitlines() if "720p" in text)  # type: ignore[attr-defined]
    assert "\x1b[1;2;36m72.5" in row
    assert "5 min" in row


def test_alerts_and_findings_stand_beneath() -> None:
    """Firing alerts stay counted until resolved; the last alerts and findings are listed, newest first."""
    board = Board()
    board.update(score_of())
    board.update(alert_payload(an_alert(), envelope=ENVELOPE))
    board.update(event_payload(a_finding(), envelope=ENVELOPE))
    text = drawn(board)
    assert "1 firing" in text
    assert re.search(r"firing +news/720p +quality_low +news/720p: mean score 31\.2 below 40", text)
    assert re.search(r"freeze +news/720p +the picture stands still", text)
    board.update(
        alert_payload(an_alert(state=AlertState.RESOLVED, at=NOON + timedelta(seconds=9)), envelope=ENVELOPE)
    )
    text = drawn(board)
    assert "1 firing" not in text
    assert text.index("resolved") < text.index("firing")


def test_alerts_from_before_are_shown() -> None:
    """Alerts that were firing before the table was opened are on it."""
    board = Board()
    board.load([score_of()], [alert_payload(an_alert(), envelope=ENVELOPE)])
    text = drawn(board)
    assert "1 firing" in text
    assert "quality_low" in text


def test_worst_renditions_stay_when_there_is_no_room() -> None:
    """With more renditions than lines, the worst are shown and the rest are counted."""
    board = Board()
    for number in range(50):
        board.update(score_of(float(number), rendition=f"r{number:02}"))
    text = drawn(board, max_rows=10)
    assert [name for name in ("r00", "r08", "r09", "r49") if name in text] == ["r00", "r08"]
    assert "41 better ones not shown" in text


def test_daemon_and_trouble_are_in_the_headline() -> None:
    """The headline shows each daemon's state and says when the connection is lost."""
    board = Board(title="qoed")
    board.update(status_payload("running", version="1", envelope=ENVELOPE))
    board.trouble = "Connection refused – trying again"
    assert re.search(r"qoed +probe-1 running +Connection refused – trying again", drawn(board))


def test_names_cannot_drive_the_terminal() -> None:
    """Escape sequences and markup in names and messages are shown, not obeyed."""
    hostile = "\x1b]0;owned\x07[red]x[/red]"
    board = Board()
    board.update(score_of(stream=hostile))
    board.update(alert_payload(an_alert(message=hostile), envelope=ENVELOPE))
    shown = drawn(board, width=200) + str(line(score_of(stream=hostile)))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert shown.count("[red]x[/red]") == 3


def test_sparkline_spans_the_scale() -> None:
    """The trend runs from the lowest bar at 0 to the highest at 100, with a gap for no data."""
    assert sparkline([0, 50, None, 99, 100]).plain == "▁▅·██"


def test_messages_as_lines() -> None:
    """In plain mode each score, alert and finding is one line that stands by itself."""
    lines = [
        line(score_of()),
        line(score_of(None)),
        line(alert_payload(an_alert(), envelope=ENVELOPE)),
        line(event_payload(a_finding(), envelope=ENVELOPE)),
        line(status_payload("running", version="1", envelope=ENVELOPE)),
    ]
    clock = f"{NOON.astimezone():%H:%M:%S}"
    assert lines == [
        f"{clock} news/720p 72.5 Good 66–78 mos 3.9 1m 64.0",
        f"{clock} news/720p no data: black",
        f"{clock} ALERT firing critical news/720p news/720p: mean score 31.2 below 40",
        f"{clock} finding freeze warning news/720p the picture stands still",
        None,
    ]


async def test_table_on_a_terminal(redis_server: RedisServer) -> None:
    """On a terminal, tail draws what stands in Redis at once and then what comes."""
    redis = RedisOptions(url=redis_server.url)
    async with running(Publisher(redis, instance="probe-1")) as publisher:
        publisher.publish_score(a_score(rendition="old"))
        publisher.publish_alert(an_alert(fingerprint="before", rule="before"))
        await eventually(lambda: publisher.stats().sent == 2)
        out = Terminal()
        async with asyncio.TaskGroup() as tasks:
            shown = tasks.create_task(tail(redis, TailOptions(count=1), out=out))
            await eventually(lambda: "before" in out.getvalue())
            publisher.publish_score(a_score(rendition="new"))
        assert shown.result() == 0
    last_picture = out.getvalue().rsplit("Stream", 1)[1]
    assert all(word in last_picture for word in ("old", "new", "before"))


async def test_lines_where_there_is_no_terminal(redis_server: RedisServer) -> None:
    """In a pipe, tail writes plain lines of the chosen streams only."""
    redis, out = RedisOptions(url=redis_server.url), io.StringIO()
    async with running(Publisher(redis, instance="probe-1")) as publisher:
        publisher.publish_score(a_score(stream="sport"))
        publisher.publish_score(a_score(stream="news"))
        await eventually(lambda: publisher.stats().sent == 2)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(tail(redis, TailOptions(stream="n*", count=2), out=out))
            await eventually(out.getvalue)
            publisher.publish_score(a_score(stream="sport", score=1.0))
            publisher.publish_finding(a_finding(stream="news"))
            publisher.publish_alert(an_alert(stream="news2"))
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert "news/720p 72.5 Good" in lines[0]
    assert {lines[1].split()[1], lines[2].split()[1]} == {"finding", "ALERT"}


async def test_json_passes_payloads_through(redis_server: RedisServer) -> None:
    """With --json, tail writes each payload exactly as it was published, one a line."""
    redis, out = RedisOptions(url=redis_server.url, prefix="lab"), io.StringIO()
    client = redis_server.client()
    async with running(Publisher(redis, instance="probe-1")) as publisher, asyncio.TaskGroup() as tasks:
        tasks.create_task(tail(redis, TailOptions(json=True, count=1), out=out))
        await eventually(lambda: client.pubsub_numpat() == 2)
        publisher.publish_score(a_score())
    assert out.getvalue() == client.xrange("lab:v1:log:score")[0][1]["payload"] + "\n"


async def test_tail_comes_back_with_redis(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """When Redis restarts, tail says so once on stderr and goes on by itself."""
    redis, out = RedisOptions(url=redis_server.url), io.StringIO()
    async with running(Publisher(redis, instance="probe-1")) as publisher, asyncio.TaskGroup() as tasks:
        tasks.create_task(tail(redis, TailOptions(count=2), out=out))
        await eventually(lambda: redis_server.client().pubsub_numpat() == 2)
        publisher.publish_score(a_score(rendition="before"))
        await eventually(lambda: "before" in out.getvalue())
        redis_server.kill()
        await asyncio.sleep(0.3)
        redis_server.start()
        client = redis_server.client()
        await eventually(lambda: client.pubsub_numpat() == 2)
        publisher.publish_score(a_score(rendition="after"))
    assert "after" in out.getvalue().splitlines()[-1]
    complaints = capsys.readouterr().err.splitlines()
    assert complaints
    assert len(complaints) == len(set(complaints))
    assert all(redis_server.url in text and "trying again" in text for text in complaints)


async def test_once_shows_what_stands(redis_server: RedisServer) -> None:
    """With --once, tail shows the newest scores and firing alerts and ends."""
    redis = RedisOptions(url=redis_server.url)
    async with running(Publisher(redis, instance="probe-1")) as publisher:
        publisher.publish_score(a_score())
        publisher.publish_alert(an_alert())
    plain, as_json, table = io.StringIO(), io.StringIO(), Terminal()
    for options, out in (
        (TailOptions(once=True), plain),
        (TailOptions(once=True, json=True), as_json),
        (TailOptions(once=True), table),
    ):
        assert await tail(redis, options, out=out) == 0
    assert len(plain.getvalue().splitlines()) == 2
    assert [json.loads(text)["schema"] for text in as_json.getvalue().splitlines()] == [
        "qoed.last",
        "qoed.alert",
    ]
    assert "1 firing" in table.getvalue()


def test_command_reports_an_absent_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """`qoed tail --once` without a Redis fails with one line that names the address and no password."""
    monkeypatch.setenv("QOE_REDIS__PASSWORD", "hunter2-secret")
    result = CliRunner().invoke(app, ["tail", "--once", "--redis", "redis://u:hunter2-secret@127.0.0.1:1"])
    assert result.exit_code != 0
    assert "redis://127.0.0.1:1" in str(result.exception)
    assert "hunter2" not in str(result.exception) + result.output


async def test_shipped_subscriber_prints_scores_and_alerts(redis_server: RedisServer) -> None:
    """The example subscriber, at most 30 lines, prints what fires, then scores and alerts as they come."""
    script = Path(__file__).parents[1] / "examples" / "subscriber.py"
    assert len(script.read_text().splitlines()) <= 30
    redis = RedisOptions(url=redis_server.url)
    client = redis_server.client()
    async with running(Publisher(redis, instance="probe-1")) as publisher:
        publisher.publish_alert(an_alert(1))
        await eventually(lambda: publisher.stats().sent == 1)
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, redis_server.url, stdout=subprocess.PIPE, env=dict(os.environ)
        )
        assert process.stdout is not None
        first = await process.stdout.readline()
        await eventually(lambda: client.pubsub_numpat() == 1)
        publisher.publish_score(a_score())
        publisher.publish_score(a_score(score=None))
        await eventually(lambda: publisher.stats().sent == 3)
        publisher.publish_alert(an_alert(1, AlertState.RESOLVED))
        rest = [(await process.stdout.readline()).decode() for _ in range(3)]
        process.kill()
        await process.communicate()
    assert first.decode().startswith("already firing: quality_low on news")
    assert "news/720p 72.5 (66-78)" in rest[0]
    assert "no score: black" in rest[1]
    assert "RESOLVED quality_low" in rest[2]
