"""What a fresh machine gets: pinned packages, one command, small files."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")


def locked(name: str) -> dict[str, set[str]]:
    """Versions by package of a lock (more than one where markers choose)."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if match := REQUIREMENT.match(line):
            found.setdefault(match[1].lower(), set()).add(match[2])
    return found


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_by_hash(name: str) -> None:
    """Every package of a lock is pinned with hashes, and no lock names an index of its own."""
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)

    assert all("--hash=sha256:" in entry for entry in entries if REQUIREMENT.match(entry))
    assert not re.search(r"--(extra-)?index-url|--find-links|file:|://", text)


def test_lock_holds_what_the_project_needs() -> None:
    """The lock has every runtime dependency and the embedded Redis, and not torch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["standalone"]
    names = {re.split(r"[\[<>=!~ ]", requirement, maxsplit=1)[0].lower() for requirement in wanted}
    lock = locked("requirements.lock")

    assert names <= set(lock)
    assert "torch" not in lock
    assert "torch" not in locked("requirements-dev.lock")


def test_locks_agree() -> None:
    """Tests run on the very versions that production runs on."""
    development = locked("requirements-dev.lock")

    assert {name: development[name] for name in locked("requirements.lock")} == locked("requirements.lock")


def test_training_packages_are_pinned() -> None:
    """What trains the network is pinned to one version each."""
    text = (ROOT / "requirements-train.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert "torch==2.13.0" in lines
    assert all(REQUIREMENT.match(line) for line in lines)


def test_nobody_else_provides_our_packages() -> None:
    """Our import names belong to this distribution alone."""
    providers = packages_distributions()

    for package in ("qoed", "qoed_engine", "qoed_training"):
        assert set(providers.get(package, [])) <= {"qoed"}


def test_make_lists_its_targets() -> None:
    """`make` alone tells a newcomer what there is."""
    shown = subprocess.run(
        ["make", "--no-print-directory", "-C", str(ROOT)], capture_output=True, text=True, check=True
    ).stdout

    for target in ("install", "demo", "test", "check", "bench", "train", "lock"):
        assert re.search(rf"^  make {target}\s+\S", shown, re.MULTILINE), target


def test_python_dash_m() -> None:
    """`python -m qoed` is the same command."""
    result = subprocess.run(
        [sys.executable, "-m", "qoed", "--version"], capture_output=True, text=True, check=True
    )

    assert re.fullmatch(r"qoed \d+\.\d+\.\d+\n", result.stdout)


def test_license_is_whole() -> None:
    """The Apache licence that the project names is there in full."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Version 2.0, January 2004" in text
    assert "9. Accepting Warranty or Additional Liability." in text
