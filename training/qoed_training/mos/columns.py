"""Numbers out of tables."""

from __future__ import annotations

import math
from collections.abc import Mapping

from qoed_training.data.corpus import CorpusError


def finite(row: Mapping[str, str], column: str, place: object, remedy: str) -> float:
    """The finite number in a column of a row of `place`. Raises `CorpusError`."""
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise CorpusError(f"{place}: {column} is no number ({row[column]!r}): {remedy}")
    return value
