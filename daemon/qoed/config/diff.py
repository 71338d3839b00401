"""What a reload changes: streams that come, go or differ, and what only a restart can change."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from pydantic import BaseModel

from qoed.config.resolved import Config, StreamConfig

_LIVE = frozenset(
    {
        "http.deadline",
        "http.playlist_deadline",
        "http.max_playlist_bytes",
        "http.max_segment_bytes",
        "decode.max_pixels",
    }
)
"""Keys outside the streams that take effect with each stream's own restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    """Names of streams, and keys such as `redis.url`.

    `changed` streams must be started anew; those in `rules_changed` go on under other rules.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rules_changed: tuple[str, ...] = ()
    restart_required: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return any(getattr(self, each.name) for each in fields(self))


def diff_config(old: Config, new: Config) -> ConfigDiff:
    """What differs from `old` to `new`, in the order of the file."""
    before = {stream.name: stream for stream in old.streams}
    after = {stream.name: stream for stream in new.streams}
    both = [name for name in after if name in before]
    changed = tuple(name for name in both if _source(before[name]) != _source(after[name]))
    return ConfigDiff(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=changed,
        rules_changed=tuple(
            name for name in both if name not in changed and before[name].rules != after[name].rules
        ),
        restart_required=tuple(
            key
            for section in ("redis", "engine", "decode", "http", "log")
            for key in _differing(section, getattr(old, section), getattr(new, section))
            if key not in _LIVE
        ),
    )


def _source(stream: StreamConfig) -> dict[str, Any]:
    """All of a stream but its rules and what it shares with others and cannot see change."""
    plain = replace(stream, rules=(), profile=None)
    shared = {
        key: getattr(getattr(plain, section), key)
        for section, key in (name.split(".") for name in sorted(_LIVE))
    }
    own = {
        each.name: getattr(plain, each.name) for each in fields(plain) if each.name not in ("decode", "http")
    }
    return own | shared


def _differing(path: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, BaseModel):
        names = list(type(old).model_fields)
    elif is_dataclass(old):
        names = [each.name for each in fields(old)]
    else:
        return [path]
    return [
        key
        for name in names
        for key in _differing(
            path if name == "section" else f"{path}.{name}", getattr(old, name), getattr(new, name)
        )
    ]
