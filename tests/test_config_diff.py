"""What a reload changes: only what differs is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from qoed.config import Config, ConfigDiff, EngineConfig, RedisConfig, StreamConfig, diff_config
from qoed.config.schema import DecodeSection, HttpSection, LogSection, RedisSection

A = StreamConfig(name="a", url="https://example.com/a.m3u8")
B = StreamConfig(name="b", url="https://example.com/b.m3u8")
CONFIG = Config(streams=(A, B))


def test_nothing_changed() -> None:
    """A reload of the same file touches nothing."""
    assert diff_config(CONFIG, Config(streams=(A, B))) == ConfigDiff()
    assert not diff_config(CONFIG, CONFIG)


def test_streams_come_and_go() -> None:
    """Streams that are new, gone or different are told apart; the order of the file does not matter."""
    other = replace(A, display_height=720)
    new = replace(B, name="c")

    assert diff_config(CONFIG, Config(streams=(new, other))) == ConfigDiff(
        added=("c",), removed=("b",), changed=("a",)
    )
    assert not diff_config(CONFIG, Config(streams=(B, A)))


def test_new_rules_do_not_restart_a_stream() -> None:
    """A stream of which only rules changed goes on under its new rules."""
    assert diff_config(CONFIG, Config(streams=(replace(A, rules=()), B))) == ConfigDiff(rules_changed=("a",))


def test_new_secret_restarts_the_stream() -> None:
    """A rotated token reaches the stream at reload."""
    old = Config(streams=(replace(A, headers={"X": SecretStr("one")}),))
    new = Config(streams=(replace(A, headers={"X": SecretStr("two")}),))

    assert diff_config(old, new).changed == ("a",)


def test_limits_of_http_reach_streams() -> None:
    """A shared limit that streams apply themselves restarts the streams, not the daemon."""
    http = HttpSection.model_validate({"max_segment_bytes": "1MiB"})
    new = Config(http=http, streams=tuple(replace(stream, http=http) for stream in (A, B)))

    assert diff_config(CONFIG, new) == ConfigDiff(changed=("a", "b"))


@pytest.mark.parametrize(
    ("new", "key"),
    [
        (Config(redis=RedisConfig(section=RedisSection(prefix="tv")), streams=(A, B)), "redis.prefix"),
        (Config(redis=RedisConfig(password=SecretStr("x")), streams=(A, B)), "redis.password"),
        (Config(engine=EngineConfig(batch_size=4), streams=(A, B)), "engine.batch_size"),
        (Config(decode=DecodeSection(workers=3), streams=(A, B)), "decode.workers"),
        (Config(http=HttpSection(connections=3), streams=(A, B)), "http.connections"),
        (Config(log=LogSection(level="debug"), streams=(A, B)), "log.level"),
    ],
)
def test_restart_required(new: Config, key: str) -> None:
    """What only a restart can change is named by its key."""
    assert diff_config(CONFIG, new) == ConfigDiff(restart_required=(key,))
