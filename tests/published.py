"""Messages as the stages make them, and ways to run a publisher in a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from qoed.model import (
    AlertEvent,
    AlertState,
    Cause,
    Finding,
    Quality,
    Reason,
    Score,
    Severity,
    Window,
)
from qoed.publish.redis import Publisher

NOON = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)


def a_score(at_s: float = 1.0, score: float | None = 72.5, **fields: Any) -> Score:
    """A score of `news/720p`; None abstains."""
    none = score is None
    defaults: dict[str, Any] = {
        "stream": "news",
        "rendition": "720p",
        "media_time_s": at_s,
        "score": score,
        "lo": None if none else max(0.0, score - 6),
        "hi": None if none else min(100.0, score + 6),
        "mos": None if none else 1 + score / 25,
        "distortions": {} if none else {"blur": 0.25, "h264": 0.75},
        "model": "small-1@1a2b3c4d",
        "quality": Quality.ABSTAINED if none else Quality.OK,
        "reason": "black" if none else None,
    }
    return Score(**defaults | fields)


def a_window(window_s: float = 60.0, mean: float | None = 70.0, **fields: Any) -> Window:
    """A window of `news/720p`; a mean of None is one without any score."""
    none = mean is None
    defaults: dict[str, Any] = {
        "stream": "news",
        "rendition": "720p",
        "window_s": window_s,
        "media_time_s": 60.0,
        "count": 0 if none else 60,
        "coverage": 0.0 if none else 1.0,
        "mean": mean,
        "p05": None if none else mean - 10,
        "min": None if none else mean - 20,
        "lo": None if none else mean - 6,
        "hi": None if none else mean + 6,
    }
    return Window(**defaults | fields)


def an_alert(number: int = 1, state: AlertState = AlertState.FIRING, **fields: Any) -> AlertEvent:
    """An edge of episode `number` of one rule."""
    defaults: dict[str, Any] = {
        "stream": "news",
        "rendition": "720p",
        "rule": "quality_low",
        "fingerprint": "f00d",
        "episode": f"f00d-{number}",
        "event_id": f"f00d-{number}-{state.value}",
        "state": state,
        "severity": Severity.CRITICAL,
        "value": 31.25,
        "threshold": 40.0,
        "window": "10s",
        "cause": Cause.ENCODER,
        "message": "news/720p: mean score 31.2 below 40",
        "started_at": NOON,
        "at": NOON,
        "media_time_s": 12.0,
        "evidence": {"bitrate_bps": 250000},
    }
    return AlertEvent(**defaults | fields)


def a_finding(**fields: Any) -> Finding:
    """A freeze in `news/720p`."""
    defaults: dict[str, Any] = {
        "stream": "news",
        "rendition": "720p",
        "reason": Reason.FREEZE,
        "severity": Severity.WARNING,
        "media_time_s": 8.0,
        "value": 2.5,
        "unit": "s",
        "message": "the picture stands still",
    }
    return Finding(**defaults | fields)


@asynccontextmanager
async def running(publisher: Publisher, drain_s: float = 5.0) -> AsyncIterator[Publisher]:
    """Run the writer and close it at the end."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publisher.run())
        yield publisher
        await publisher.aclose(drain_s)


async def eventually(holds: Callable[[], object], within_s: float = 8.0) -> None:
    """Wait until `holds()`; fails the test when it does not within `within_s`."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


def balanced(publisher: Publisher) -> bool:
    """Whether every message is accounted for, in all and by kind."""
    stats = publisher.stats()
    return all(
        part.received == part.sent + sum(part.dropped.values()) + part.buffered
        for part in (stats, *stats.by_kind.values())
    )
