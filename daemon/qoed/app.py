"""The front door: builds the stages in data order and runs them. No logic here, only wiring.

source -> decode -> sample -> batch -> infer -> roll -> alert -> publish
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from qoed.alert import Evaluator
from qoed.config import Config, StreamConfig, diff_config, load_config
from qoed.decode.pool import DecodePool
from qoed.depth import DepthControl
from qoed.errors import ConfigError
from qoed.infer import Scorer
from qoed.judge import Judge
from qoed.model import Decoded, Finding, Score
from qoed.overload import OverloadWatch, engine_fault
from qoed.publish.embedded import EmbeddedRedis
from qoed.publish.options import RedisOptions
from qoed.publish.redis import Publisher
from qoed.roll import Roller
from qoed.service import Host
from qoed.service.collector import collect_calmly
from qoed.service.reload import Reloader
from qoed.source import HttpClient
from qoed.source.address import AddressGuard
from qoed.source.tls import trusting
from qoed.source.turns import Turns
from qoed.status import headline, status_details
from qoed.stream import Stream
from qoed_engine import Engine, EngineError, load_engine

DRAIN_S = 14.0
"""Seconds that a stop may spend on what is in the pipeline ..."""
FLUSH_S = 4.0
"""... and then on what Redis has not taken yet: together under the 20 s that operators are promised."""
TICK_S = 1.0
STALL_S = 30.0
"""A stage with work that finishes none of it for so long is stuck; a segment's own deadline is shorter."""

log = structlog.get_logger("qoed.app")


async def run_app(config: Config, *, config_path: Path | None = None, host: Host | None = None) -> int:
    """Run the daemon until its host says stop. Returns the exit code; faults are raised."""
    host = host or Host.detached()
    for line in config.warnings:
        log.warning("config.warning", detail=line)
    host.redactor.add_secrets(config.secrets())
    host.notifier.status("loading the quality network")
    engine = await asyncio.to_thread(
        load_engine, config.engine.backend, config.engine.weights, threads=config.engine.threads
    )
    async with AsyncExitStack() as stack:
        stack.callback(engine.close)
        url = config.redis.url
        if url is None:
            embedded = await stack.enter_async_context(EmbeddedRedis())
            url = embedded.url
        app = App(config, engine, host, redis=config.redis.options(url), config_path=config_path)
        await app.run()
    return 0


class App:
    """A running daemon. Build it inside a loop, then `await run()`."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        host: Host,
        *,
        redis: RedisOptions,
        config_path: Path | None = None,
    ) -> None:
        self.config = config
        self.engine = engine
        self.host = host
        self.clock = host.clock
        self.streams: dict[str, Stream] = {}
        # In data order; each stage is handed the next one's entrance.
        self.http = HttpClient(
            clock=self.clock,
            guard=AddressGuard(allow=config.http.allow_networks),
            limit=config.http.connections,
            limit_per_host=config.http.connections_per_host,
            sock_read_s=config.http.read_timeout,
            tls=trusting(config.http.ca_file) if config.http.ca_file else None,
        )
        decode = config.decode
        self.pool = DecodePool(
            decode.worker_count(),
            engine.manifest.recipe,
            self.clock,
            deadline_factor=decode.deadline_factor,
            memory_bytes=decode.memory_limit,
            recycle_after=decode.recycle_after,
        )
        self.scorer = Scorer(
            engine,
            self._on_score,
            clock=self.clock,
            batch_size=config.engine.batch_size,
            deadline_s=config.engine.batch_deadline,
        )
        self.roller = Roller(span_s=engine.manifest.recipe.span_s)
        self.evaluator = Evaluator(config.rules(), now=self.clock.monotonic(), wall=self.clock.wall)
        self.publisher = Publisher(
            redis,
            instance=f"{socket.gethostname()}:{os.getpid()}",
            engine=engine.backend,
            clock=self.clock,
            on_finding=lambda finding: self.judge.on_finding(finding),
        )
        self.judge = Judge(self.roller, self.evaluator, self.publisher, clock=self.clock)
        self.depth = DepthControl(budget=decode.cpu_budget())
        self.overload = OverloadWatch()
        self.turns = Turns()
        self.decoding = host.watchdog.register("decode", stall_s=STALL_S, idle=self._nothing_to_decode)
        self.scoring = host.watchdog.register("score", stall_s=STALL_S, idle=lambda: self.scorer.idle)
        self.reloader = Reloader(
            lambda: load_config(config_path) if config_path else self.config,
            self._apply,
            notifier=host.notifier,
            clock=self.clock,
        )
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Start everything, serve until stop, drain in data order."""
        self.host.signals.on_reload = self.reloader.request
        async with self.http, self.pool, asyncio.TaskGroup() as services:
            background = [
                services.create_task(work, name=name)
                for name, work in (
                    ("publisher", self.publisher.run()),
                    ("scorer", self._score()),
                    ("ticker", self._tick()),
                    ("watchdog", self.host.watchdog.run()),
                    ("reloader", self.reloader.run()),
                    ("collector", collect_calmly(self.clock)),
                )
            ]
            async with asyncio.TaskGroup() as self._group:
                for config in self.config.streams:
                    self._start(config)
                self.host.notifier.ready(headline(self))
                log.info("daemon.ready", streams=len(self.streams), engine=self.engine.backend)
                await self.host.signals.stop.wait()
                await self._drain()
            self.publisher.publish_status("stopped", status_details(self))
            await self.publisher.aclose(FLUSH_S)
            for task in background:
                task.cancel()

    def _start(self, config: StreamConfig) -> None:
        assert self._group is not None
        self.depth.add(config.name, config.depth, self.clock.monotonic())
        stream = self.streams[config.name] = Stream(
            config,
            self.http,
            self.pool,
            clock=self.clock,
            on_decoded=self._on_decoded,
            on_finding=self._on_finding,
            on_drop=self._on_drop,
            on_gone=self.judge.forget_rendition,
            depth=self.depth,
            begin_after_s=self.turns.wait_s(self.clock.monotonic()),
        )
        self._tasks[config.name] = self._group.create_task(stream.run(), name=f"stream:{config.name}")

    def _on_score(self, score: Score) -> None:
        self.scoring.beat()
        self.depth.on_score(score)
        self.judge.on_score(score)
        if stream := self.streams.get(score.stream):
            stream.on_score(score)

    def _on_finding(self, finding: Finding) -> None:
        self.depth.on_finding(finding)
        self.judge.on_finding(finding)

    def _on_decoded(self, decoded: Decoded) -> None:
        self.decoding.beat()
        for finding in decoded.findings:
            self.depth.on_finding(finding)
        self.judge.on_decoded(decoded)
        for clip in decoded.clips:
            if shed := self.scorer.submit(clip):
                self._on_drop(clip.stream, shed)

    def _on_drop(self, stream: str, count: int) -> None:
        self.depth.on_drop(self.clock.monotonic())
        self._report(self.overload.dropped(stream, count, self.clock.monotonic()))

    def _report(self, finding: Finding | None) -> None:
        if finding is not None:
            self.judge.on_finding(finding)

    async def _score(self) -> None:
        try:
            await self.scorer.run()
        except EngineError as error:
            # Subscribers hear of it before the process ends; a doubtful engine publishes no more scores.
            self._report(engine_fault(error))
            self.publisher.publish_status("failed", status_details(self))
            await self.publisher.aclose(FLUSH_S)
            raise

    async def _tick(self) -> None:
        self.judge.tick()  # from now on it comes every second
        while True:
            due = self.clock.monotonic() + TICK_S
            await self.clock.sleep(TICK_S)
            now = self.clock.monotonic()
            self._report(self.overload.woken(now - due, now))
            self._report(self.overload.tick(now))
            self.judge.tick()
            self.depth.tick(now, self.evaluator.tension)
            self.publisher.publish_status("running", status_details(self))
            self.host.notifier.status(headline(self))

    async def _apply(self, config: Config) -> None:
        """Swap in a reloaded configuration: only what changed is touched."""
        diff = diff_config(self.config, config)
        if diff.restart_required:
            raise ConfigError(f"restart qoed to change {', '.join(diff.restart_required)}")
        self.config = config
        self.host.redactor.add_secrets(config.secrets())
        await asyncio.gather(*(self._stop(name) for name in (*diff.removed, *diff.changed)))
        self.judge.update_rules(config.rules())
        for stream in config.streams:
            if stream.name not in self.streams:
                self._start(stream)

    async def _stop(self, name: str) -> None:
        await self.streams.pop(name).stop()
        self.pool.forget(name)
        self.scorer.forget(name)
        self.depth.remove(name)
        self.judge.forget(name)

    async def _drain(self) -> None:
        """Sources stop, what is queued is decoded and scored; the rest is given up after `DRAIN_S`."""
        self.host.notifier.stopping("draining")
        log.info("daemon.draining")
        try:
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(*(stream.stop() for stream in self.streams.values()))
                await self.scorer.drain()
        except TimeoutError:
            log.warning("daemon.drain_cut_short", seconds=DRAIN_S, **status_details(self))
            for task in self._tasks.values():
                task.cancel()

    def _nothing_to_decode(self) -> bool:
        return not any(
            stream.lanes.stats.waiting or stream.lanes.stats.in_flight for stream in self.streams.values()
        )
