"""How a command fails: one clear line on stderr without secrets, and the exit code that fits."""

from __future__ import annotations

import sys
import traceback

import typer

from qoed.errors import ConfigError
from qoed.service.exit_codes import ExitCode, exit_code_for
from qoed.service.redact import redact


def leaves(error: BaseException) -> list[BaseException]:
    """The errors that an exception group holds, at any depth; of another error, itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for member in error.exceptions for leaf in leaves(member)]
    return [error]


def one_line(error: BaseException) -> str:
    """The error's own words on one line, its type where it has none; URLs without secrets."""
    return redact(" ".join(str(error).split()) or type(error).__name__)


def messages(error: BaseException) -> list[str]:
    """What to tell of one error: a line, or a line for each mistake in a configuration."""
    if isinstance(error, ConfigError):
        return [redact(line) for line in str(error).splitlines()] or [type(error).__name__]
    return [one_line(error)]


def report(error: Exception) -> int:
    """Print why a command failed and return its exit code; a traceback only for our own mistakes."""
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()  # else the interpreter complains about the pipe once more
        return ExitCode.FAILURE
    for leaf in leaves(error):
        if exit_code_for(leaf) is ExitCode.BUG:
            typer.echo(redact("".join(traceback.format_exception(leaf))), err=True, nl=False)
            typer.echo(f"qoed: this is a bug in qoed: {one_line(leaf)}", err=True)
        else:
            for message in messages(leaf):
                typer.echo(f"qoed: {message}", err=True)
    return exit_code_for(error)
