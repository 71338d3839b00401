"""Is a set all there? Labels are matched with the files of their videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import Label, RatedVideo, RatedVideos

NAMED_AT_MOST = 3
"""Names of missing videos that fit one line."""


def complete(root: Path, layout: Layout, labels: Sequence[Label], *, labels_only: bool) -> RatedVideos:
    """The set, in label order. Raises `CorpusError` for wrong counts, doubles, and missing or cut-off videos.

    With `labels_only` no video is looked for; paths are then where each would lie.
    """
    twice = [name for name, count in Counter(label.name for label in labels).items() if count > 1]
    if twice:
        raise layout.fault(root, f"{_some(twice)} labelled more than once")
    if layout.count is not None and len(labels) != layout.count:
        raise layout.fault(root, f"{len(labels):,} videos are labelled, published are {layout.count:,}")
    if len(labels) < layout.least:
        raise layout.fault(
            root, f"{len(labels):,} videos are labelled, at least {layout.least:,} are published"
        )
    if labels_only:
        places = [root / layout.folders[0] / label.files[0] for label in labels]
        return _set(layout, list(zip(labels, places, strict=True)), withdrawn=0)
    finder = _Finder(root, layout.folders)
    found = [(label, finder.find(label.files)) for label in labels]
    missing = [label.files[0] for label, path in found if path is None]
    if len(missing) > layout.may_lack * len(labels):
        raise layout.fault(root, f"{len(missing):,} of {len(labels):,} videos are missing ({_some(missing)})")
    kept = [(label, path) for label, path in found if path is not None]
    for label, path in kept:
        _check_size(layout, label, path)
    return _set(layout, kept, withdrawn=len(missing))


class _Finder:
    """Lists each folder once: asking for each of 39,000 videos takes minutes on a network disk."""

    def __init__(self, root: Path, folders: Sequence[str]) -> None:
        self._roots = [root / folder for folder in folders]
        self._listed: dict[Path, frozenset[str]] = {}

    def find(self, files: Sequence[str]) -> Path | None:
        for root in self._roots:
            for file in files:
                path = root / file
                if path.name in self._names(path.parent):
                    return path
        return None

    def _names(self, folder: Path) -> frozenset[str]:
        if folder not in self._listed:
            names = (entry.name for entry in folder.iterdir()) if folder.is_dir() else ()
            self._listed[folder] = frozenset(names)
        return self._listed[folder]


def _check_size(layout: Layout, label: Label, path: Path) -> None:
    if label.raw is None:
        return
    size, wanted = path.stat().st_size, label.raw.frames * label.raw.frame_bytes
    if size < wanted or size % label.raw.frame_bytes:
        raise layout.fault(path, f"it has {size:,} bytes, {label.raw.frames} pictures are {wanted:,}")


def _set(layout: Layout, found: Sequence[tuple[Label, Path]], *, withdrawn: int) -> RatedVideos:
    videos = tuple(
        RatedVideo(
            path=path,
            mos=label.mos,
            content=label.content,
            name=label.name,
            width=label.raw.width if label.raw else None,
            height=label.raw.height if label.raw else None,
            fps=label.raw.fps if label.raw else None,
            pixel_format=label.raw.pixel_format if label.raw else None,
            distortion=label.distortion,
            subset=label.subset,
        )
        for label, path in found
    )
    return RatedVideos(layout.name, layout.higher_is_better, layout.lo, layout.hi, videos, withdrawn)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more:,} more" if more > 0 else shown
