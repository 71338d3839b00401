"""Where a set comes from and how its files must lie; every error about a set says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qoed_training.data.corpus import CorpusError, read_table
from qoed_training.mos.videos import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One published set. `read` gives its labels; videos lie in one of `folders` below the root.

    `count` is the published number of rated videos (None: it changes, but `least` are needed). `may_lack` is
    the share of videos that may be gone because the publisher withdraws them.
    """

    name: str
    title: str
    page: str
    wants: str
    higher_is_better: bool
    lo: float
    hi: float
    folders: tuple[str, ...]
    read: Callable[[Path, Layout], list[Label]]
    count: int | None = None
    least: int = 1
    may_lack: float = 0.0

    @property
    def remedy(self) -> str:
        """What to download and where it goes."""
        return f"get {self.title} from {self.page}; the folder must hold {self.wants}"

    def fault(self, place: Path, what: str) -> CorpusError:
        """The error that says what is wrong with a folder or file of this set, and the remedy."""
        return CorpusError(f"{place}: {what}: {self.remedy}")

    def label_file(self, root: Path, names: Sequence[str]) -> Path:
        """The first of the label files that is there. Raises `CorpusError`."""
        for name in names:
            if (root / name).is_file():
                return root / name
        raise self.fault(root, f"{' or '.join(names)} is missing")

    def lines(self, path: Path) -> list[list[str]]:
        """Words of every line that is not blank. Raises `CorpusError`."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise self.fault(path, f"it cannot be read ({error})") from error
        return [line.split() for line in text.splitlines() if line.strip()]

    def rows(self, path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
        """Rows of a CSV file that has these columns. Raises `CorpusError`."""
        return read_table(path, columns, remedy=self.remedy)

    def opinion(self, text: object, path: Path, name: str) -> float:
        """A finite number, within the scale where that is a closed one. Raises `CorpusError`.

        DMOS is rescaled from z-scores and may leave its nominal scale a little; MOS cannot.
        """
        said = "" if text is None else str(text)
        try:
            value = float(said)
        except ValueError as error:
            raise self.fault(path, f"the opinion of {name} is no number ({said!r})") from error
        if not math.isfinite(value) or (self.higher_is_better and not self.lo <= value <= self.hi):
            raise self.fault(
                path, f"the opinion of {name} is {value}, it must be from {self.lo:g} to {self.hi:g}"
            )
        return value
