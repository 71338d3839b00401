"""The whole daemon in one process: real origin, real workers, real engine, real Redis."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import redis.asyncio

from engines import write_mean_network
from origin import LiveOrigin
from qoed.app import App, run_app
from qoed.config import load_config
from qoed.service import Host
from qoed.status import status_details
from qoed_engine import EngineError, load_engine

if TYPE_CHECKING:
    from redis_server import RedisServer  # at run time the plugin below imports it

pytest_plugins = ["redis_server"]
SEGMENT_S = 1.0
FPS = 25


@cache
def media(sequence: int, level: int = 120) -> bytes:
    """One second of MPEG-TS, a moving ramp of mean brightness `level`, on one continuous timeline."""
    body = io.BytesIO()
    with av.open(body, "w", format="mpegts") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for index in range(FPS):
            ramp = (np.arange(160) * 2 + 7 * index) % 60 + level - 30
            rows = np.broadcast_to(ramp.astype(np.uint8)[None, :, None], (96, 160, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rows), format="rgb24")
            frame.pts, frame.time_base = sequence * FPS + index, Fraction(1, FPS)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return body.getvalue()


def two_rungs(origin: LiveOrigin) -> str:
    """URL of a live ladder: a dark rung, which scores 30, below a bright one, which scores 80."""
    for name, level in (("low", 77), ("high", 204)):
        origin.add_live(name, lambda number, level=level: media(number, level), segment_s=SEGMENT_S, first=3)
    return origin.add_master(
        {
            "low": {"bandwidth": 300_000, "resolution": "160x96"},
            "high": {"bandwidth": 900_000, "resolution": "320x192"},
        }
    )


def write_config(folder: Path, redis_url: str, streams: dict[str, str], **extra: Any) -> Path:
    document = {
        "redis": {"url": redis_url},
        "engine": {"weights": str(write_mean_network(folder))},
        "decode": {"workers": 1},
        "streams": [{"name": name, "url": url, "stale_after": "3s"} for name, url in streams.items()],
        **extra,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return path


@asynccontextmanager
async def daemon(path: Path) -> AsyncIterator[App]:
    """The running daemon; leaving it stops it as SIGTERM would."""
    config = load_config(path)
    host = Host.detached()
    engine = load_engine("auto", config.engine.weights)
    app = App(config, engine, host, redis=config.redis.options(str(config.redis.url)), config_path=path)
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            running = group.create_task(app.run())
            while len(app.streams) < len(config.streams):
                await asyncio.sleep(0.01)
            yield app
            host.signals.stop.set()
            await running
    finally:
        engine.close()


@asynccontextmanager
async def subscriber(server: RedisServer, *channels: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Payloads of the channels, as a customer gets them."""
    async with redis.asyncio.from_url(server.url) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(*channels)

        async def payloads() -> AsyncIterator[dict[str, Any]]:
            async for message in pubsub.listen():
                if message["type"] == "message":
                    yield json.loads(message["data"])

        yield payloads()


async def until(payloads: AsyncIterator[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The next payload in which all of `wanted` is so."""
    async for payload in payloads:
        if all(payload.get(key) == value for key, value in wanted.items()):
            return payload
    raise AssertionError("the channel ended")


async def test_a_live_stream_is_scored_into_redis(redis_server: RedisServer, tmp_path: Path) -> None:
    """A live ladder's scores arrive at a subscriber, one for each second of each rendition, with windows."""
    async with LiveOrigin() as origin:
        path = write_config(tmp_path, redis_server.url, {"tv": two_rungs(origin)})
        seen: dict[str, list[dict[str, Any]]] = {}
        async with subscriber(redis_server, "qoe:v1:score:tv") as scores, daemon(path) as app:
            async for score in scores:
                seen.setdefault(score["rendition"], []).append(score)
                if len(seen) == 2 and all(len(rows) >= 3 for rows in seen.values()):
                    break
        details = status_details(app)

    low, high = (seen[name] for name in sorted(seen, key=lambda name: seen[name][0]["score"]))
    assert low[-1]["score"] == pytest.approx(30, abs=3)
    assert high[-1]["score"] == pytest.approx(80, abs=3)
    times = [row["media_time_s"] for row in low]
    assert np.diff(times) == pytest.approx(1.0, abs=0.1)
    assert low[-1]["w10s_mean"] == pytest.approx(30, abs=3)
    assert low[-1]["lo"] <= low[-1]["score"] <= low[-1]["hi"]
    assert details["segments_received"] == details["segments_decoded"] + sum(
        count for key, count in details.items() if key.startswith("segments_dropped")
    )
    assert details["clips_received"] == details["clips_scored"] + details["clips_abstained"]
    assert details["segments_waiting"] == details["segments_in_flight"] == details["clips_waiting"] == 0


async def test_missing_segments_raise_an_alert_and_its_end(redis_server: RedisServer, tmp_path: Path) -> None:
    """Segments that answer 404 raise an alert in Redis, and when they are back it is resolved."""
    rules = [{"name": "segment_missing", "window": "4s"}]
    async with LiveOrigin() as origin:
        origin.add_live("tv", media, segment_s=SEGMENT_S, first=3)
        path = write_config(
            tmp_path, redis_server.url, {"tv": origin.url("/tv/index.m3u8")}, defaults={"rules": rules}
        )
        async with subscriber(redis_server, "qoe:v1:alert") as alerts, daemon(path) as app:
            while not app.scorer.stats.scored:
                await asyncio.sleep(0.05)
            fault = origin.fault("/tv/*.ts", status=404)
            firing = await until(alerts, rule="segment_missing", state="firing")
            async with redis.asyncio.from_url(redis_server.url) as client:
                active = await client.hlen("qoe:v1:alerts:active")
            origin.clear(fault)
            resolved = await until(alerts, rule="segment_missing", state="resolved")

    assert active == 1
    assert firing["stream"] == resolved["stream"] == "tv"
    assert firing["episode"] == resolved["episode"]
    assert firing["cause"] in ("cdn", "network")


async def test_a_reload_adds_and_removes_streams_and_a_bad_one_changes_nothing(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """SIGHUP starts new streams and ends removed ones; a broken file keeps the old configuration in force."""
    async with LiveOrigin() as origin:
        origin.add_live("a", media, segment_s=SEGMENT_S, first=3)
        origin.add_live("b", media, segment_s=SEGMENT_S, first=3)
        path = write_config(tmp_path, redis_server.url, {"a": origin.url("/a/index.m3u8")})
        async with subscriber(redis_server, "qoe:v1:score:b") as scores, daemon(path) as app:
            path.write_text("streams: [{name: a, urll: x}]")

            assert not await app.reloader.reload()
            assert list(app.streams) == ["a"]
            assert "did you mean url" in str(app.reloader.error)

            write_config(tmp_path, redis_server.url, {"b": origin.url("/b/index.m3u8")})

            assert await app.reloader.reload()
            assert list(app.streams) == ["b"]
            assert (await until(scores))["stream"] == "b"

            write_config(tmp_path, redis_server.url, {}, engine={"batch_size": 2})

            assert not await app.reloader.reload()
            assert "restart qoed to change engine" in str(app.reloader.error)
            assert list(app.streams) == ["b"]


async def test_a_doubtful_engine_ends_the_daemon_and_says_so(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """When the engine fails, subscribers hear of it and the process ends with that error, without a score."""
    async with LiveOrigin() as origin:
        origin.add_live("tv", media, segment_s=SEGMENT_S, first=3)
        path = write_config(tmp_path, redis_server.url, {"tv": origin.url("/tv/index.m3u8")})
        async with subscriber(redis_server, "qoe:v1:event:_probe", "qoe:v1:score:tv") as events:
            with pytest.RaisesGroup(pytest.RaisesExc(EngineError, match="bus error"), flatten_subgroups=True):
                async with daemon(path) as app:

                    def broken(_clips: object) -> None:
                        raise EngineError("bus error", sticky=True)

                    app.engine.infer = broken  # type: ignore[method-assign, assignment]
                    await asyncio.sleep(30)
            event = await until(events)

    assert (event["schema"], event["reason"], event["message"]) == ("qoed.event", "engine_fault", "bus error")


async def test_a_dead_stream_is_told_and_does_not_disturb_the_others(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """A stream whose origin answers 500 raises its own alert while another stream's scores go on."""
    async with LiveOrigin() as origin:
        origin.add_live("good", media, segment_s=SEGMENT_S, first=3)
        origin.put("/dead.m3u8", "")
        origin.fault("/dead.m3u8", status=500)
        path = write_config(
            tmp_path,
            redis_server.url,
            {"dead": origin.url("/dead.m3u8"), "good": origin.url("/good/index.m3u8")},
        )
        async with (
            subscriber(redis_server, "qoe:v1:alert:dead") as alerts,
            subscriber(redis_server, "qoe:v1:score:good") as scores,
            daemon(path),
        ):
            firing = await until(alerts, state="firing")
            await until(scores)

    assert firing["rule"] == "playlist_unavailable"


async def test_without_redis_configured_one_is_started(tmp_path: Path) -> None:
    """With no Redis in the configuration the daemon starts its own, runs, and ends it with itself."""
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"engine": {"weights": str(write_mean_network(tmp_path))}, "streams": []}))
    host = Host.detached()
    asyncio.get_running_loop().call_later(1.0, host.signals.stop.set)

    assert await run_app(load_config(path), config_path=path, host=host) == 0
