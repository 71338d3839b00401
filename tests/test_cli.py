"""The `qoed` command as a shell sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from qoed.cli.failure import report
from qoed.cli.main import COMMANDS
from qoed.errors import ConfigError, SourceError
from qoed.service import ExitCode


def qoed(*arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the command in its own process."""
    command = [sys.executable, "-m", "qoed", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload]


def test_help_lists_every_command_quickly() -> None:
    """`qoed --help` names every command, without loading any of them."""
    program = (
        "import sys; sys.argv = ['qoed', '--help']\n"
        "from qoed.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'av', 'aiohttp', 'redis', 'openvino', 'pydantic'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert all(f" {name} " in shown for name in COMMANDS)
    assert shown.endswith("set()\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    """Each command has a help of its own."""
    result = qoed(command, "--help")

    assert result.returncode == 0, result.stderr
    assert f"Usage: qoed {command}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run", "--nonsense"], "--nonsense"),
        (["schema", "scores"], "'scores'"),
        (["score"], "PATH-OR-URL"),
        (["score", "x.mp4", "--json", "--csv", "-"], "--csv"),
        (["score", "x.mp4", "--csv", "/nonexistent/x.csv"], "cannot be written"),
    ],
)
def test_wrong_usage(arguments: list[str], hint: str) -> None:
    """A wrong command line ends with exit code 2 and says what is wrong."""
    result = qoed(*arguments)

    assert result.returncode == ExitCode.USAGE
    assert hint in result.stderr


@pytest.mark.parametrize("name", ["score", "alert", "event", "status", "config"])
def test_schema(name: str) -> None:
    """Each published schema is printed as valid JSON Schema."""
    result = qoed("schema", name)

    assert result.returncode == 0, result.stderr
    jsonschema.Draft202012Validator.check_schema(json.loads(result.stdout))


@pytest.mark.parametrize("command", ["run", "check"])
def test_missing_config(command: str, tmp_path: Path) -> None:
    """Without a configuration both commands end with exit code 78 and name the file."""
    result = qoed(command, "-c", str(tmp_path / "none.yaml"))

    assert result.returncode == ExitCode.CONFIG
    assert "none.yaml" in result.stdout + result.stderr


def test_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An expected failure is one line on stderr without secrets, not a traceback."""
    code = report(SourceError("https://u:p@host/x?t=1: no answer\nwithin 5 s"))

    assert capsys.readouterr().err == "qoed: https://host/x: no answer within 5 s\n"
    assert code == ExitCode.UNAVAILABLE


def test_group_of_failures(capsys: pytest.CaptureFixture[str]) -> None:
    """Several failures at once are a line each."""
    code = report(ExceptionGroup("tasks", [SourceError("a"), ConfigError("b")]))

    assert capsys.readouterr().err == "qoed: a\nqoed: b\n"
    assert code == ExitCode.CONFIG


def test_bug_has_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Our own mistake is owned up to, with the trace that a report needs."""
    try:
        {}["x"]
    except KeyError as error:
        code = report(error)

    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "this is a bug in qoed" in shown
    assert code == ExitCode.BUG
