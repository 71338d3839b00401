"""Photographs as further sources: every picture of a folder that is large enough."""

from __future__ import annotations

import hashlib
from pathlib import Path

from qoed_training.data.camera import MIN_EXCESS, lines_of_photo
from qoed_training.data.corpus import CorpusError, Source

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
PHOTO_GROUP = "photo_"
"""How the groups of photographs begin."""
MIN_LINES = 540 * MIN_EXCESS
CALIBRATION_SHARE = 0.1
"""Of the photographs, kept from training: scale and interval need many contents to be honest on new ones."""


def read_photos(folder: Path) -> list[Source]:
    """Sources of all pictures below `folder`, each a group of its own; too small ones are left out.

    Raises `CorpusError` when nothing is left.
    """
    if not folder.is_dir():
        raise CorpusError(
            f"{folder} is missing: run qoed-train photos first or name another folder of pictures"
        )
    sources = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        digest = hashlib.sha256(name.encode()).hexdigest()
        try:
            if lines_of_photo(path) < MIN_LINES:
                continue
        except CorpusError:
            continue
        held_out = int(digest[:8], 16) / 0xFFFFFFFF < CALIBRATION_SHARE
        clip_id = f"{PHOTO_GROUP}{digest[:10]}"
        sources.append(
            Source(
                clip_id=clip_id,
                path=path,
                group=clip_id,
                split="calibration" if held_out else "train",
                soft=False,
                photo=True,
            )
        )
    if not sources:
        raise CorpusError(f"{folder} holds no picture of at least {MIN_LINES:.0f} lines (16:9)")
    return sources
