"""The sets by name."""

from __future__ import annotations

from pathlib import Path

from qoed_training.data.corpus import CorpusError
from qoed_training.mos import csiq_vqd, konvid_1k, live_vqa, live_vqc, lsvq, youtube_ugc
from qoed_training.mos.complete import complete
from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import RatedVideos

LAYOUTS: dict[str, Layout] = {
    module.LAYOUT.name: module.LAYOUT
    for module in (live_vqa, csiq_vqd, konvid_1k, live_vqc, lsvq, youtube_ugc)
}


def open_dataset(name: str, root: Path, *, labels_only: bool = False) -> RatedVideos:
    """The rated videos of a set, checked for completeness; with `labels_only` its videos may be elsewhere.

    Raises `CorpusError`, one line that says what is wrong, what to download and where it goes.
    """
    if name not in LAYOUTS:
        raise CorpusError(f"there is no set {name!r}: take one of {', '.join(LAYOUTS)}")
    layout = LAYOUTS[name]
    if not root.is_dir():
        raise layout.fault(root, "there is no such folder")
    return complete(root, layout, layout.read(root, layout), labels_only=labels_only)
