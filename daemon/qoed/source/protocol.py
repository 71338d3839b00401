"""The seam between sources and what drives them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from qoed.model import Finding, Segment

Emit = Callable[[Segment | Finding], Awaitable[None]]
"""Takes what a source yields; may wait, which holds back VOD and files."""


class Source(Protocol):
    """One stream's input. It never retries as a whole: the supervisor does."""

    async def run(self, emit: Emit) -> None:
        """Block and emit until the stream ends (return) or fails (`SourceError`); may be run again then."""
        ...
