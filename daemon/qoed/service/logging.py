"""Logs: JSON lines for machines and journald, a readable console for people, no secrets in either.

Events are dotted names (`stream.started`) with fields; stdlib records of libraries take the same road.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import Processor

from qoed.service.redact import Redactor

LogFormat = Literal["auto", "json", "console"]

# syslog(3) priorities, as journald reads them from a "<N>" prefix.
_PRIORITY = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
_FIRST = ("ts", "level", "event", "logger")

# Chatty below warning, and what they say there is in our own events already.
_QUIET = ("asyncio", "aiohttp.access", "redis", "libav")


def configure_logging(
    *,
    level: str = "info",
    format: LogFormat = "auto",
    stream: TextIO | None = None,
    secrets: Iterable[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Redactor:
    """Send structlog and stdlib logging to `stream` (stderr); returns the redactor, to be told more secrets.

    `auto` is the console on a terminal and JSON elsewhere. Under journald each line starts with its priority.
    """
    stream = sys.stderr if stream is None else stream
    redactor = Redactor(secrets)
    on_terminal = stream.isatty()
    console = format == "console" or (format == "auto" and on_terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=on_terminal, timestamp_key="ts")]
        if console
        else [_JsonRenderer(journal=_is_journal(stream, environ))]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redactor, *renderer],
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    return redactor


class _JsonRenderer:
    """One JSON object a line, the fields that one looks for first in front."""

    def __init__(self, *, journal: bool) -> None:
        self._journal = journal

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
        ordered = {key: event[key] for key in (*_FIRST, *event) if key in event}
        try:
            line = orjson.dumps(ordered).decode()
        except TypeError:
            # Lone surrogates (undecodable file names) are no UTF-8; a log call must never raise.
            line = json.dumps(ordered)
        if not self._journal:
            return line
        return f"<{_PRIORITY.get(str(ordered.get('level')), 6)}>{line}"


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """True when `stream` is the very socket that `$JOURNAL_STREAM` ("device:inode") names."""
    try:
        device, inode = map(int, environ.get("JOURNAL_STREAM", "").split(":"))
        status = os.fstat(stream.fileno())
    except (ValueError, OSError):
        return False
    return (status.st_dev, status.st_ino) == (device, inode)
