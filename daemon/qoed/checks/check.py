"""What is said of a check: meaning, default limit, unit, when it is over, where it is defined."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from qoed.model import Cause, Severity


@dataclass(frozen=True, slots=True)
class Check:
    """One row of docs/checks.md. `checks:` in config.yaml changes `limit` and turns checks off."""

    tells: str
    """What is wrong when it is found."""
    source: str = "qoed"
    """The clause that asks for it."""
    _: KW_ONLY
    cause: Cause | None
    """Where the trouble most likely sits, taken alone; None: cannot be told from this alone."""
    severity: Severity = Severity.WARNING
    clears: str | None = None
    """When the condition is over; None: it happens once, and an alert on it ends by its window."""
    limit: float | None = None
    """The number that it is judged by, where there is one."""
    unit: str | None = None
    """Unit of the limit."""
    limit_is: str = ""
    """What the limit limits."""
    formats: str = "all"
    """Which inputs it looks at: HLS, LL-HLS, DASH, TS, continuous."""
    peers: str = ""
    """The same check in other monitors."""
    on: bool = True
    """Whether it is on by default."""
