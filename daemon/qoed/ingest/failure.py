"""Why an input cannot be had, in words that hold no URL and no secret."""

from __future__ import annotations

import errno

from qoed.errors import ErrorReason

_TEXTS = {
    errno.EADDRINUSE: "the port is in use on this host",
    errno.EADDRNOTAVAIL: "the address is not one of this host's",
    errno.EACCES: "not permitted to use this port",
    errno.ENODEV: "there is no such network interface",
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable",
    errno.ETIMEDOUT: "connection timed out",
}


class InputError(Exception):
    """The input failed. The message is one line, free of URLs and secrets."""

    def __init__(
        self,
        message: str,
        *,
        reason: ErrorReason = ErrorReason.SOURCE_UNAVAILABLE,
        retryable: bool = True,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable


def os_failure(error: OSError) -> InputError:
    """An operating system's error."""
    return InputError(_TEXTS.get(error.errno or 0) or error.strerror or "cannot be opened")
