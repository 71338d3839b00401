"""One exception tree. Each error says what to do and carries a closed reason that doubles as metric label."""

from __future__ import annotations

from enum import StrEnum


class ErrorReason(StrEnum):
    """Closed set of reasons for `QoedError`; safe as a metric label."""

    CONFIG_INVALID = "config_invalid"
    SOURCE_UNAVAILABLE = "source_unavailable"
    SOURCE_INVALID = "source_invalid"
    SOURCE_REFUSED = "source_refused"
    SOURCE_ENDED = "source_ended"
    DECODE_FAILED = "decode_failed"
    ENGINE_INVALID = "engine_invalid"
    ENGINE_FAULT = "engine_fault"
    PUBLISH_FAILED = "publish_failed"
    REDIS_UNAVAILABLE = "redis_unavailable"


class QoedError(Exception):
    """Base of every error that qoed raises on purpose."""

    default_reason = ErrorReason.CONFIG_INVALID

    def __init__(self, message: str, *, reason: ErrorReason | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason


class ConfigError(QoedError):
    """The configuration cannot be used; the message names file, line, key and remedy."""


class SourceError(QoedError):
    """A source failed. `retryable` tells the supervisor whether trying again can help."""

    default_reason = ErrorReason.SOURCE_UNAVAILABLE

    def __init__(self, message: str, *, reason: ErrorReason | None = None, retryable: bool = True) -> None:
        super().__init__(message, reason=reason)
        self.retryable = retryable


class DecodeError(QoedError):
    """A segment could not be decoded."""

    default_reason = ErrorReason.DECODE_FAILED


class PublishError(QoedError):
    """Redis refused or lost a message."""

    default_reason = ErrorReason.PUBLISH_FAILED


def first_source_error(errors: BaseExceptionGroup[BaseException]) -> SourceError | None:
    """The first `SourceError` in a group that holds nothing else; None leaves the group as it is."""
    found, other = errors.split(SourceError)
    if found is None or other is not None:
        return None
    error: BaseException = found
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, SourceError) else None
