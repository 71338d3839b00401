"""Waterloo SQoE-I: 180 streaming sessions of 10 s with MOS 0-100; validation only (academic licence).

Duanmu et al., "A quality-of-experience index for streaming video", JSTSP 2017. The table names a log for each
session; a log has one line for each second of video. Its own column `mos` is that of the session without
stalls, so opinion is taken from the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qoed_training.data.corpus import CorpusError, read_table
from qoed_training.mos.columns import finite

_TABLE, _LOGS = "data_WaterlooSQoE-I_data.csv", "logs_I"
_REMEDY = f"point at the folder of Waterloo SQoE-I with {_TABLE} and {_LOGS}/"
_NUMBERS = {
    "stall_s": "rebuffering_duration",
    "bitrate_kbps": "video_bitrate",
    "seconds": "chunk_duration",
    "qp": "qp",
    "fps": "framerate",
    "psnr": "psnr",
    "ssim": "ssim",
    "vmaf": "vmaf",
}
"""Fields of a chunk and their columns."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One second of a session; `stall_s` is how long the player waited before it."""

    stall_s: float
    bitrate_kbps: float
    seconds: float
    qp: float
    fps: float
    psnr: float
    ssim: float
    vmaf: float


@dataclass(frozen=True, slots=True)
class Session:
    """What one subject group watched: MOS 0-100 and its chunks in order."""

    name: str
    mos: float
    content: str
    chunks: tuple[Chunk, ...]

    @property
    def mean_vmaf(self) -> float:
        """VMAF over the time that pictures moved."""
        weights = sum(chunk.seconds for chunk in self.chunks)
        return sum(chunk.vmaf * chunk.seconds for chunk in self.chunks) / weights

    @property
    def stall_s(self) -> float:
        """Seconds of waiting, before the first chunk and between chunks."""
        return sum(chunk.stall_s for chunk in self.chunks)


def read_sessions(folder: Path) -> list[Session]:
    """All sessions in the order of the table. Raises `CorpusError`."""
    table = folder / _TABLE
    rows = read_table(table, ("streaming_log", "mos", "content"), remedy=_REMEDY)
    if not rows:
        raise CorpusError(f"{table} lists no sessions: {_REMEDY}")
    return [
        Session(
            name=Path(row["streaming_log"]).stem,
            mos=finite(row, "mos", table, _REMEDY),
            content=row["content"],
            chunks=_chunks(folder / _LOGS / row["streaming_log"]),
        )
        for row in rows
    ]


def _chunks(log: Path) -> tuple[Chunk, ...]:
    rows = read_table(log, tuple(_NUMBERS.values()), remedy=_REMEDY)
    if not rows:
        raise CorpusError(f"{log} is empty: {_REMEDY}")
    return tuple(
        Chunk(**{field: finite(row, column, log, _REMEDY) for field, column in _NUMBERS.items()})
        for row in rows
    )
