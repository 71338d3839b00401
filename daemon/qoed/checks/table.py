"""docs/checks.md from the catalogue: `python -m qoed.checks.table > docs/checks.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from qoed.checks.catalogue import CATALOGUE
from qoed.checks.check import Check
from qoed.reason import Domain, Reason

_HEAD = """\
# Checks

What qoed finds, by domain: {count} checks. This file is made from the code:
`python -m qoed.checks.table > docs/checks.md`.

Each finding is published under its name (`reason`). One that is over *once* is an event at one place of the
stream; the others last from a start to an end. In `config.yaml`, `checks:` turns a check off
(`playlist_slow: off`) or gives it another limit (`variant_drift: 5`), for all streams or for one. What a
playlist does again with every load or two (two caches, one of them old) is told once a minute.

Sections of RFC 8216bis are those of draft-pantos-hls-rfc8216bis.
"""

_DOMAINS: dict[str, tuple[str, str]] = {
    "wire": ("Wire", "Playlists, MPDs and exchanges."),
    "context": ("Context", "What the stream announces about itself. No faults: rules may refer to them."),
    "media": (
        "Media",
        "The coded media: against what was declared, against itself, against other renditions.",
    ),
    "transport": ("Transport", "Packets of MPEG transport streams, first priority of ETSI TR 101 290."),
    "picture": ("Picture", "Decoded pictures."),
    "sound": ("Sound", "Decoded sound."),
    "probe": ("Probe", "qoed itself."),
}

_COLUMNS = (
    "check",
    "what is wrong",
    "default",
    "severity",
    "over when",
    "inputs",
    "asked for by",
    "elsewhere",
)

_PEERS = """\
## Other monitors' checks

The named checks of [oscnord/hls-monitor](https://github.com/oscnord/hls-monitor) and
[Eyevinn/hls-monitor](https://github.com/Eyevinn/hls-monitor), and which of ours does the same.
"""


def document() -> str:
    """The whole file."""
    return "\n".join(_lines())


def default_text(check: Check) -> str:
    """The default limit as people read it: `3 segments: largest distance`."""
    state = "" if check.on else "off; "
    if check.limit is None:
        return f"{state}–"
    unit = f" {check.unit}" if check.unit else ""
    about = f": {check.limit_is}" if check.limit_is else ""
    return f"{state}{check.limit:g}{unit}{about}"


def peers_of(check: Check) -> list[tuple[str, str]]:
    """(monitor, name of its check) of `peers`: `oscnord A, B; Eyevinn c`."""
    found = []
    for part in check.peers.split(";"):
        monitor, _, names = part.strip().partition(" ")
        found += [(monitor, name.strip()) for name in names.split(",") if name.strip()]
    return found


def _lines() -> Iterator[str]:
    yield _HEAD.format(count=len(CATALOGUE))
    for domain in get_args(Domain):
        title, about = _DOMAINS[domain]
        yield f"## {title}\n\n{about}\n"
        rows = [_row(reason, check) for reason, check in CATALOGUE.items() if reason.domain == domain]
        yield from _table(_COLUMNS, rows)
        yield ""
    yield _PEERS
    theirs = [(*peer, reason) for reason, check in CATALOGUE.items() for peer in peers_of(check)]
    rows = [(monitor, name, f"`{reason}`") for monitor, name, reason in sorted(theirs)]
    yield from _table(("monitor", "its check", "ours"), rows)
    yield ""


def _row(reason: Reason, check: Check) -> tuple[str, ...]:
    return (
        f"`{reason}`",
        check.tells,
        default_text(check),
        check.severity.value,
        check.clears or "once",
        check.formats,
        check.source,
        check.peers or "–",
    )


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
