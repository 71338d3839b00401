"""Logs: readable by machines and people, and without secrets."""

from __future__ import annotations

import io
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from qoed.service.logging import configure_logging
from qoed.service.redact import Redactor, redact

SECRET = "S3CR3T-hunter2"


class Terminal(io.StringIO):
    """A stream that says that a person watches."""

    def isatty(self) -> bool:
        """Always."""
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """The JSON objects written so far."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_line() -> None:
    """Off a terminal each event is one JSON object with time, level, name and fields."""
    stream = io.StringIO()
    configure_logging(stream=stream)
    structlog.get_logger("qoed.source").info("stream.started", stream="news", seq=7)

    (line,) = lines(stream)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert line["ts"].endswith("Z")
    assert (line["level"], line["event"], line["stream"], line["seq"]) == (
        "info",
        "stream.started",
        "news",
        7,
    )
    assert line["logger"] == "qoed.source"


def test_libraries_take_the_same_road() -> None:
    """Records of stdlib logging come out in the same shape, with their arguments and extras."""
    stream = io.StringIO()
    configure_logging(stream=stream)
    logging.getLogger("somelib").warning("retrying %s", "https://u:p@host/a?t=1", extra={"dur_ms": 5})

    (line,) = lines(stream)
    assert line["event"] == "retrying https://host/a"
    assert line["dur_ms"] == 5


def test_console_on_a_terminal() -> None:
    """A person on a terminal gets readable lines, not JSON."""
    stream = Terminal()
    configure_logging(stream=stream)
    structlog.get_logger().warning("stream.stale", stream="news")

    text = stream.getvalue()
    assert "stream.stale" in text
    assert not text.startswith("{")


def test_journald_priority(tmp_path: Path) -> None:
    """Under journald each line starts with its syslog priority, and only when the stream is the journal's."""
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        configure_logging(stream=stream, environ={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        structlog.get_logger().error("redis.lost")
        configure_logging(stream=stream, environ={"JOURNAL_STREAM": "1:2"})
        structlog.get_logger().error("redis.lost")
        stream.seek(0)
        journal, other = stream.read().splitlines()

    assert journal.startswith("<3>{")
    assert other.startswith("{")


def test_level() -> None:
    """What is below the wished level is not logged."""
    stream = io.StringIO()
    configure_logging(level="warning", stream=stream)
    structlog.get_logger().info("stream.started")
    structlog.get_logger().warning("stream.stale")

    assert [line["event"] for line in lines(stream)] == ["stream.stale"]


def test_exception_has_its_trace_and_no_secret() -> None:
    """A traceback is logged on the event's line, with URLs and secrets taken out."""
    stream = io.StringIO()
    configure_logging(stream=stream, secrets=[SECRET])
    try:
        raise RuntimeError(f"cannot reach https://ann:{SECRET}@host/x with {SECRET}")
    except RuntimeError:
        structlog.get_logger().exception("daemon.failed")

    (line,) = lines(stream)
    assert "RuntimeError: cannot reach https://host/x with ***" in line["exception"]
    assert SECRET not in stream.getvalue()


def test_secrets_learned_later() -> None:
    """Secrets of a configuration that is loaded after logging began are masked from then on."""
    stream = io.StringIO()
    redactor = configure_logging(stream=stream)
    redactor.add_secrets([SECRET, "p/w d"])
    structlog.get_logger().info("redis.connected", password="x", note=f"{SECRET} p%2Fw%20d")

    assert SECRET not in repr(redactor)
    (line,) = lines(stream)
    assert line["password"] == "***"
    assert line["note"] == "*** ***"


def test_odd_values_never_raise() -> None:
    """Whatever is logged, the line comes out as JSON."""
    stream = io.StringIO()
    configure_logging(stream=stream)
    deep: list[Any] = []
    deep.append(deep)
    structlog.get_logger().info(
        "odd",
        path=Path("/x"),
        big=1 << 80,
        nan=float("nan"),
        lone="\udcff",
        raw=b"\xff",
        deep=deep,
        keys={1: 2},
    )

    (line,) = lines(stream)
    assert line["path"] == "/x"
    assert line["nan"] is None or line["nan"] != line["nan"]
    assert line["keys"] == {"1": 2}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pw@host:8443/live/a.m3u8?token=abc#t", "https://host:8443/live/a.m3u8"),
        ("got 404 from http://h/a.ts?sig=1, retrying", "got 404 from http://h/a.ts, retrying"),
        ("redis://:pw@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://acl:p%40w@[::1]:6380", "rediss://[::1]:6380"),
        ("redis://:pa/ss?w#rd@host:1/0", "redis://***"),
        ("(http://h:80/x): refused", "(http://h:80/x): refused"),
        ("unix:///run/qoed/redis.sock?password=x", "unix:///run/qoed/redis.sock"),
        ("segment seg_1.ts?token=abc missing", "segment seg_1.ts missing"),
        ("HTTPS://U:P@HOST/x", "HTTPS://HOST/x"),
        ("is it so? yes=1", "is it so? yes=1"),
        ("black for 2.0 s", "black for 2.0 s"),
    ],
)
def test_urls_are_shown_bare(text: str, shown: str) -> None:
    """Wherever a URL turns up in a text, userinfo, query and fragment are gone."""
    assert redact(text) == shown


@given(st.text(), st.text())
def test_secret_never_survives(before: str, after: str) -> None:
    """A known secret is not in the output, whatever stands around it."""
    assert SECRET not in Redactor([SECRET]).text(before + SECRET + after)


def test_redaction_is_linear() -> None:
    """Hostile text cannot stall the log."""
    begun = time.process_time()
    redact("a" * 200_000)
    redact("http://" * 50_000)
    redact("?a=" * 50_000)

    assert time.process_time() - begun < 2
