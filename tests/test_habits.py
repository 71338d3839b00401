"""The habits of CONTRIBUTING.md that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("daemon", "engine", "training", "tests", "examples", "bench")
MAX_LINES = 500
UNSAFE = {"torch", "pickle", "cloudpickle", "dill", "marshal", "shelve"}
BUILDERS = ("/work/", "/root/", "/home/", "/mnt/")
"""Where somebody's checkout may lie; a path to it in the repository works on one machine only."""
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".lock", ".service", ".conf", ".cfg", ""}


def sources(*folders: str) -> Iterator[Path]:
    """Python files of the repository."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_tests_state_promises() -> None:
    """Every test says in one sentence what a user may rely on."""
    silent = []
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                promise = ast.get_docstring(node) or ""
                if not promise.endswith(".") or "\n\n" in promise:
                    silent.append(f"{path.name}::{node.name}")

    assert not silent


def test_no_code_from_data() -> None:
    """What runs in production imports neither torch nor anything that unpickles."""
    unsafe = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in sources("daemon", "engine")
        if (found := imported(path) & UNSAFE)
    }

    assert not unsafe


def test_files_stay_small() -> None:
    """No file is too long to be read in one sitting."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(*CODE)
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MAX_LINES
    }

    assert not long


def test_no_path_of_one_machine() -> None:
    """Nothing in the repository points to a place that only its author's machine has."""
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    found = [
        f"{name}: {place}"
        for name in tracked
        if name and Path(name).suffix in TEXT and name != "tests/test_habits.py" and (ROOT / name).is_file()
        for place in BUILDERS
        if re.search(rf"(?<![\w.}}$]){place}", (ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]

    assert not found


@pytest.mark.parametrize("module", ["qoed.app", "qoed.scoring", "qoed.cli.run", "qoed_engine"])
def test_daemon_runs_without_torch(module: str) -> None:
    """Importing the daemon brings in neither torch nor training, however indirectly."""
    program = (
        f"import sys, {module}; sys.exit(','.join({{'torch', 'qoed_training'}} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
