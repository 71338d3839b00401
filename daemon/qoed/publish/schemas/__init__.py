"""The published JSON Schemas (draft 2020-12) of every payload."""

from __future__ import annotations

from importlib import resources
from typing import Any

import orjson

NAMES = ("score", "last", "event", "alert", "status")


def load_schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the name of its payload: `score`, `last`, `event`, `alert`, `status`."""
    here = resources.files(__name__)
    return {name: orjson.loads(here.joinpath(f"{name}.json").read_bytes()) for name in NAMES}
