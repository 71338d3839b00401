"""What is counted while media are decoded."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(slots=True)
class Counts:
    """Of a media segment, or of one job of it."""

    packets: int = 0
    """Of video."""
    packets_corrupt: int = 0
    sound_packets: int = 0
    passed_over: int = 0
    """Key frames that were left out on purpose."""
    orphans: int = 0
    """Video packets left out for want of what they refer to."""
    frames: int = 0
    frames_before_key: int = 0
    frames_corrupt: int = 0
    interlaced: int = 0
    decode_errors: int = 0
    demux_errors: int = 0
    sound_errors: int = 0

    def since(self, before: Counts) -> Counts:
        """What was added after `before` was copied."""
        return Counts(
            **{each.name: getattr(self, each.name) - getattr(before, each.name) for each in fields(self)}
        )

    def copy(self) -> Self:
        """The counts now."""
        return type(self)(**{each.name: getattr(self, each.name) for each in fields(self)})
