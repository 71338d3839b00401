"""Adaptive depth and the ladder in the whole daemon: real origin, workers, engine and Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from origin import LiveOrigin
from qoed.status import status_details
from test_app import SEGMENT_S, daemon, media, subscriber, two_rungs, until, write_config

if TYPE_CHECKING:
    from redis_server import RedisServer

pytest_plugins = ["redis_server"]


async def test_trouble_is_looked_at_with_every_frame(redis_server: RedisServer, tmp_path: Path) -> None:
    """A calm stream is scored at light; after a missing segment its scores come from every frame."""
    async with LiveOrigin() as origin:
        origin.add_live("tv", media, segment_s=SEGMENT_S, first=3)
        path = write_config(tmp_path, redis_server.url, {"tv": origin.url("/tv/index.m3u8")})
        async with subscriber(redis_server, "qoe:v1:score:tv") as scores, daemon(path) as app:
            calm = await until(scores)
            fault = origin.fault("/tv/*.ts", status=404)
            while app.depth.level_of("tv") != "full":
                await asyncio.sleep(0.05)
            origin.clear(fault)
            close = await until(scores, depth="full")
            details = status_details(app)

    assert calm["depth"] == "light"
    assert close["media_time_s"] > calm["media_time_s"]
    assert (details["depth_streams_full"], details["depth_promotions"]) == (1, 2)
    assert details["depth_of"] == {"tv": "full"}
    assert 0 < details["depth_cpu_load"] < details["depth_cpu_budget"]


async def test_extra_light_is_scored_now_and_then(redis_server: RedisServer, tmp_path: Path) -> None:
    """At extra_light one second in twenty is scored, as well as at light, and nothing is reported missing."""
    async with LiveOrigin() as origin:
        origin.add_live("tv", media, segment_s=SEGMENT_S, first=3)
        path = write_config(
            tmp_path,
            redis_server.url,
            {"tv": origin.url("/tv/index.m3u8")},
            defaults={"depth": "extra_light"},
        )
        async with subscriber(redis_server, "qoe:v1:score:tv") as scores, daemon(path) as app:
            first = await until(scores)
            while status_details(app)["segments_decoded"] < 6:
                await asyncio.sleep(0.05)
            details = status_details(app)

    assert (first["depth"], first["quality"]) == ("extra_light", "ok")
    assert first["score"] == pytest.approx(47, abs=3)
    assert details["clips_received"] == 1


async def test_the_distance_to_the_top_rung_is_published(redis_server: RedisServer, tmp_path: Path) -> None:
    """Scores of a lower rung say how far below the top rung it is; the top rung's say nothing."""
    async with LiveOrigin() as origin:
        path = write_config(tmp_path, redis_server.url, {"tv": two_rungs(origin)})
        async with subscriber(redis_server, "qoe:v1:score:tv") as scores, daemon(path):
            async for score in scores:
                if score["rendition"].startswith("96p") and score["vs_top"] is not None:
                    break
            top = await until(scores, rendition="192p-900k")

    assert score["vs_top"] == score["w10s_vs_top"] == pytest.approx(-50, abs=5)
    assert (top["vs_top"], top["w5m_vs_top"]) == (None, None)
