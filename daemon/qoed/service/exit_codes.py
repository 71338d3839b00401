"""Exit codes as sysexits(3) and systemd know them, and which error ends in which."""

from __future__ import annotations

from enum import IntEnum

from qoed.errors import ConfigError, ErrorReason, QoedError, SourceError


class ExitCode(IntEnum):
    """What the process tells its parent. systemd restarts on all but `OK` and `CONFIG`."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNAVAILABLE = 69
    """Something we depend on (a stream, Redis) is not there."""
    BUG = 70
    RETRY = 75
    """A fault that a fresh process heals, such as a poisoned accelerator."""
    CONFIG = 78
    """Restarting cannot help: the configuration or the weights must be changed."""


def exit_code_for(error: BaseException) -> ExitCode:
    """The exit code for an error; of an exception group, the one its gravest member asks for."""
    if isinstance(error, BaseExceptionGroup):
        codes = {exit_code_for(member) for member in error.exceptions}
        return next(code for code in _GRAVEST_FIRST if code in codes)
    if isinstance(error, ConfigError):
        return ExitCode.CONFIG
    if isinstance(error, SourceError) or (
        isinstance(error, QoedError) and error.reason is ErrorReason.REDIS_UNAVAILABLE
    ):
        return ExitCode.UNAVAILABLE
    if isinstance(error, QoedError):
        return ExitCode.FAILURE
    return _engine_code(error)


def _engine_code(error: BaseException) -> ExitCode:
    # Imported here, because most commands never touch the engine and should start quickly.
    from qoed_engine import EngineError
    from qoed_engine.manifest import ManifestError

    if isinstance(error, ManifestError):
        return ExitCode.CONFIG
    if isinstance(error, EngineError):
        return ExitCode.RETRY if error.sticky else ExitCode.UNAVAILABLE
    return ExitCode.BUG


_GRAVEST_FIRST = (
    ExitCode.CONFIG,
    ExitCode.RETRY,
    ExitCode.BUG,
    ExitCode.UNAVAILABLE,
    ExitCode.FAILURE,
)
