"""Free photographs from Debian packages: what the shipped weights were trained on besides the videos.

Wallpapers, landscapes of a game, test pictures of image libraries: everything in Debian's `main`, under free
licences; each package's copyright file is kept beside its pictures.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from qoed_training.data.corpus import CorpusError


def wanted() -> dict[str, list[str]]:
    """Paths inside each package, from `photographs.csv`."""
    table: dict[str, list[str]] = {}
    with files("qoed_training.data").joinpath("photographs.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            table.setdefault(row["package"], []).append(row["path"])
    return table


def fetch_photos(folder: Path) -> Iterator[str]:
    """Download what is missing in `folder`, a package a step; yields progress lines. Raises `CorpusError`."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise CorpusError(
            "apt-get and dpkg-deb are needed to fetch the photographs: run this on Debian, "
            "or point --photos at a folder of your own pictures"
        )
    packages = wanted()
    for done, (package, paths) in enumerate(sorted(packages.items()), 1):
        target = folder / package
        if target.is_dir():
            yield f"{done}/{len(packages)} {package} is there"
            continue
        with tempfile.TemporaryDirectory(prefix="photos-") as name:
            _unpack(package, Path(name))
            part = Path(name) / "picked"
            part.mkdir()
            found = [path for path in paths if (Path(name) / "root" / path).is_file()]
            for path in [*found, f"usr/share/doc/{package}/copyright"]:
                source = Path(name) / "root" / path
                if source.is_file():
                    shutil.copyfile(source, part / flat_name(path))
            folder.mkdir(parents=True, exist_ok=True)
            moved = folder / f".{package}.part"
            shutil.copytree(part, moved, dirs_exist_ok=True)
            moved.replace(target)
        yield f"{done}/{len(packages)} {package}: {len(found)} of {len(paths)} pictures"


def flat_name(path: str) -> str:
    """One file name for a path inside a package."""
    return path.replace("usr/share/", "").replace("/", "_").replace(" ", "_")


def _unpack(package: str, folder: Path) -> None:
    for command in (["apt-get", "download", package], ["sh", "-c", "dpkg-deb -x ./*.deb root"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603 - our own table
        if done.returncode != 0:
            raise CorpusError(f"{package} cannot be fetched: {done.stderr.strip()[-200:]}")
