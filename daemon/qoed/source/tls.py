"""Whom HTTPS origins may be certified by: the system's authorities, and the operator's own."""

from __future__ import annotations

import ssl
from pathlib import Path


def trusting(ca_file: Path | str) -> ssl.SSLContext:
    """A context that trusts the system's authorities and those in `ca_file` (PEM).

    Raises `ValueError` with one line when the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(("http/1.1",))  # what the client speaks; some servers insist on an answer
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError:
        raise ValueError(f"{ca_file} holds no certificate; it must be PEM text") from None
    except OSError as error:
        raise ValueError(f"cannot read {ca_file} ({error.strerror}); check path and permissions") from None
    return context
