"""`qoed run`: how the end of the app becomes an exit code and a last line in the log."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from qoed.service import ExitCode

PROGRAM = """
    import sys, types
    from qoed.errors import *
    from qoed_engine import EngineError

    async def run_app(config, *, config_path, host):
        import signal, structlog
        structlog.get_logger("app").info("app.ran", streams=len(config.streams), path=str(config_path))
        {body}

    app = types.ModuleType("qoed.app")
    app.run_app = run_app
    sys.modules["qoed.app"] = app
    sys.argv = ["qoed", "run", "-c", {config!r}, "--log-format", "json"]
    from qoed.cli.main import main
    main()
"""


def run(folder: Path, body: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit status, log and stderr of the daemon when its app does `body`."""
    path = folder / "config.yaml"
    path.write_text("streams:\n  - name: news\n    url: http://127.0.0.1:9/x.m3u8\n", encoding="utf-8")
    program = textwrap.dedent(PROGRAM).format(body=body, config=str(path))
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def test_good_end(tmp_path: Path) -> None:
    """The app gets the loaded configuration and its path, and its exit code is the process's."""
    code, log, err = run(tmp_path, "return 0")

    assert (code, err) == (0, "")
    assert (log[0]["event"], log[0]["streams"]) == ("app.ran", 1)
    assert log[0]["path"].endswith("config.yaml")


@pytest.mark.parametrize(
    ("body", "code", "event", "words"),
    [
        ("raise EngineError('no AVX2', sticky=False)", ExitCode.UNAVAILABLE, "daemon.failed", "no AVX2"),
        ("raise EngineError('poisoned', sticky=True)", ExitCode.RETRY, "daemon.failed", "poisoned"),
        ("raise ConfigError('a:1: x')", ExitCode.CONFIG, "config.invalid", "a:1: x"),
        (
            "raise ExceptionGroup('g', [PublishError('https://u:p@h/x?t=1 lost')])",
            ExitCode.FAILURE,
            "daemon.failed",
            "https://h/x lost",
        ),
        ("raise KeyError('k')", ExitCode.BUG, "daemon.failed", "'k'"),
    ],
)
def test_failures(tmp_path: Path, body: str, code: ExitCode, event: str, words: str) -> None:
    """A failure is one line in the log with its exit code, with a trace only when it is our mistake."""
    returned, log, err = run(tmp_path, body)

    assert (returned, err) == (code, "")
    assert (log[-1]["event"], log[-1]["err"], log[-1]["exit_code"]) == (event, words, code)
    assert ("exception" in log[-1]) == (code is ExitCode.BUG)


def test_drained_ctrl_c_is_seen_by_the_shell(tmp_path: Path) -> None:
    """After Ctrl-C the app drains, and the process still ends as interrupted."""
    code, log, _ = run(
        tmp_path, "signal.raise_signal(signal.SIGINT); await host.signals.stop.wait(); return 0"
    )

    assert code == -2
    assert log[-1]["event"] == "daemon.stopping"
