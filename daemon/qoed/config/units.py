"""Numbers with units as people write them: `200ms`, `10s`, `5m`, `1h`; `64KiB`, `2MiB`, `1GiB`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-zµ]*)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_HELP = "write it like 500ms, 10s, 5m or 1h"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE_HELP = "write it like 64KiB, 2MiB or 1GiB"


def parse_duration(value: object) -> float:
    """Seconds of `10s`, `500ms`, `5m`, `1h`. Raises `ValueError` that says how to write it."""
    return _with_unit(value, _DURATION, _SECONDS, "duration", _DURATION_HELP)


def parse_size(value: object) -> int:
    """Bytes of `64MiB`, `500kB`. Raises `ValueError` that says how to write it."""
    return round(_with_unit(value, _SIZE, _BYTES, "size", _SIZE_HELP))


def duration_text(seconds: float) -> str:
    """Seconds as a config would say them: `10s`, `1m`, `500ms`."""
    if seconds != int(seconds):
        return f"{seconds * 1000:g}ms"
    for unit in ("h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds:g}s"


def size_text(size: int) -> str:
    """Bytes as a config would say them: `2MiB`."""
    unit = next(name for name in ("GiB", "MiB", "KiB", "B") if size % _BYTES[name] == 0)
    return f"{size // _BYTES[unit]}{unit}"


def written(value: Any, schema: Mapping[str, Any]) -> Any:
    """A default as the file would say it, by its field's JSON Schema."""
    if schema.get("pattern") == _DURATION_SCHEMA["pattern"]:
        return duration_text(value)
    if schema.get("pattern") == _SIZE_SCHEMA["pattern"]:
        return size_text(value)
    if value is None and _AUTO in schema.get("anyOf", ()):
        return "auto"
    return list(value) if isinstance(value, tuple) else value


def _with_unit(
    value: object, pattern: re.Pattern[str], units: dict[str, float] | dict[str, int], what: str, help_: str
) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"needs a {what}; {help_}")
    match = pattern.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a {what}; {help_}")
    number, unit = match.groups()
    if not unit:
        raise ValueError(f"{value} has no unit; {help_}")
    if unit not in units:
        raise ValueError(f"wrong unit {unit!r} in {value!r}; known units: {', '.join(units)}; {help_}")
    return float(number) * units[unit]


def _positive(value: object) -> float:
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError(f"must be longer than 0, got {value}")
    return seconds


def _positive_size(value: object) -> int:
    size = parse_size(value)
    if size <= 0:
        raise ValueError(f"must be larger than 0, got {value}")
    return size


def _auto_or_duration(value: object) -> float | None:
    return None if value == "auto" else _positive(value)


def _auto_or_count(value: object) -> int | None:
    if value == "auto":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"needs auto or a whole number of at least 1, got {value!r}")
    return value


_DURATION_SCHEMA = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h)$"}
_SIZE_SCHEMA = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(B|KiB|MiB|GiB|kB|MB|GB)$"}
_AUTO = {"const": "auto"}

Seconds = Annotated[float, BeforeValidator(_positive), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration above 0, in seconds."""
SecondsOrZero = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration of 0 or more, in seconds."""
AutoSeconds = Annotated[
    float | None, PlainValidator(_auto_or_duration), WithJsonSchema({"anyOf": [_AUTO, _DURATION_SCHEMA]})
]
"""A duration in seconds; None for `auto`."""
Size = Annotated[int, BeforeValidator(_positive_size), WithJsonSchema(_SIZE_SCHEMA)]
"""Bytes."""
AutoCount = Annotated[
    int | None,
    PlainValidator(_auto_or_count),
    WithJsonSchema({"anyOf": [_AUTO, {"type": "integer", "minimum": 1}]}),
]
"""A whole number of at least 1; None for `auto`."""
Count = Annotated[int, Field(strict=True, ge=1)]
"""A whole number of at least 1."""
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
"""A share from 0 to 1."""
Number = Annotated[float, Field(strict=True)]
"""Any finite number."""
Depth = Literal["auto", "full", "light", "extra_light"]
