"""`qoed demo` as a whole: its configuration, and a short run of the real thing with a stand-in network."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from engines import write_mean_network
from qoed.cli.main import app
from qoed.config import load_config
from qoed.demo.config import DemoConfig, render_config
from qoed.demo.faults import BLACK, QUICK, SCHEDULE, SEGMENT_MISSING
from qoed.demo.ladder import LADDER
from qoed.demo.run import DemoOptions, run_demo
from qoed_engine import Recipe

URLS = {"demo-ts": "http://127.0.0.1:8080/demo-ts/master.m3u8", "demo-fmp4": "http://127.0.0.1:8080/x.m3u8"}


def written(folder: Path, **options: object) -> Path:
    path = folder / "config.yaml"
    settings = DemoConfig(urls=URLS, redis_url="unix:///tmp/some where/redis.sock", **options)  # type: ignore[arg-type]
    path.write_text(render_config(settings))
    return path


def test_demo_config_is_an_ordinary_one(tmp_path: Path) -> None:
    """The demo writes a configuration that `qoed run` takes, with every rule that the schedule expects."""
    config = load_config(written(tmp_path))

    assert config.redis.url == "unix:///tmp/some where/redis.sock"
    assert [stream.name for stream in config.streams] == list(URLS)
    rules = {rule.name: rule for rule in config.streams[0].rules}
    assert {rule for fault in SCHEDULE for rule in fault.expect | fault.allow} <= set(rules)


def test_demo_level_is_the_one_asked_for(tmp_path: Path) -> None:
    """`--low-quality` is the level at which the top rung's alert fires, and it clears above it."""
    config = load_config(written(tmp_path, low_quality=61.0))
    [rule] = [rule for rule in config.streams[1].rules if rule.name == "low_quality"]

    assert rule.level == 61.0
    assert rule.clear is not None
    assert rule.clear > 61.0


def test_demo_takes_other_weights(tmp_path: Path) -> None:
    """`--weights` makes the demo's daemon run another network."""
    manifest = write_mean_network(tmp_path)

    assert load_config(written(tmp_path, weights=manifest)).engine.weights == manifest


def test_demo_without_a_fault_is_refused() -> None:
    """A run too short for any fault is a usage error, not a pass."""
    result = CliRunner().invoke(app, ["demo", "--seconds", "1"])

    assert result.exit_code == 2
    assert "no fault ends within 1 s" in result.output


@pytest.mark.slow
async def test_quick_demo_raises_its_faults(tmp_path: Path) -> None:
    """A live ladder, the real daemon, a subscriber: black and missing segments are raised in seconds."""
    out = io.StringIO()
    table = tmp_path / "table.json"
    options = DemoOptions(
        schedule=QUICK,
        weights=write_mean_network(tmp_path, Recipe()),
        low_quality=1.0,
        json=table,
        directory=tmp_path / "demo",
    )
    code = await run_demo(options, console=Console(file=out, width=120))

    result = json.loads(table.read_text())
    assert code == 0, out.getvalue()
    assert [fault["raised"] for fault in result["faults"]] == [BLACK, SEGMENT_MISSING]
    assert all(0 < fault["alert_s"] < 10 for fault in result["faults"])
    assert "2 of 2 faults raised, 0 false alerts" in out.getvalue()
    assert all(rung.rendition in out.getvalue() for rung in LADDER)
    log = [json.loads(line) for line in (tmp_path / "demo" / "daemon.log").read_text().splitlines()]
    assert not [line for line in log if line["level"] in ("error", "critical")]
