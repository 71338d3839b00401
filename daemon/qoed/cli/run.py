"""`qoed run`: the daemon in the foreground, as systemd and containers like it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import structlog
import typer

from qoed.cli.failure import leaves, messages
from qoed.service import ExitCode, Host, Redactor, Signals, configure_logging, exit_code_for
from qoed.service.logging import LogFormat

if TYPE_CHECKING:
    from qoed.config import Config

log = structlog.get_logger("qoed")

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration.", show_default=True)
]


Level = Literal["debug", "info", "warning", "error"]


def run_command(
    config: ConfigOption = Path("config.yaml"),
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="auto: readable on a terminal, JSON elsewhere. Goes before log.format."),
    ] = None,
    log_level: Annotated[
        Level | None, typer.Option(help="Least level that is logged. Goes before log.level.")
    ] = None,
) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP reloads the configuration."""
    raise typer.Exit(run_daemon(config, log_format=log_format, log_level=log_level))


def run_daemon(path: Path, *, log_format: LogFormat | None, log_level: Level | None) -> int:
    """Load the configuration, run the app, and turn how it ended into an exit code and a last log line."""
    signals: list[Signals] = []
    configure_logging(format=log_format or "auto", level=log_level or "info", stream=sys.stdout)
    try:
        from qoed.config import load_config

        config = load_config(path)
        redactor = configure_logging(
            format=log_format or config.log.format,
            level=log_level or config.log.level,
            stream=sys.stdout,
            secrets=config.secrets(),
        )
        for warning in config.warnings:
            log.warning("config.warning", text=warning)
        code = asyncio.run(_serve(config, path, redactor, signals))
    except asyncio.CancelledError:
        code = int(ExitCode.FAILURE)
    except Exception as error:
        code = _log_failure(error)
    for stopped in signals:
        stopped.reraise()
    return code


async def _serve(config: Config, path: Path, redactor: Redactor, signals: list[Signals]) -> int:
    from qoed.app import run_app

    host = Host.from_env(redactor)
    signals.append(host.signals)
    with host.signals:
        return await run_app(config, config_path=path, host=host)


def _log_failure(error: Exception) -> int:
    for leaf in leaves(error):
        code = exit_code_for(leaf)
        for message in messages(leaf):
            log.critical(
                "config.invalid" if code is ExitCode.CONFIG else "daemon.failed",
                err=message,
                exit_code=int(code),
                exc_info=leaf if code is ExitCode.BUG else None,
            )
    return exit_code_for(error)
