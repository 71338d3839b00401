"""Secrets come from files, the environment or systemd credentials, and are never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

CREDENTIAL = "redis-password"
"""Name under which systemd's LoadCredential= hands over the Redis password."""
MAX_SECRET_BYTES = 64 * 1024

_HEADER_HELP = "write a text, {env: VARIABLE} or {file: PATH}"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is: the text itself, an environment variable or a file."""

    literal: SecretStr | None = None
    env: str | None = None
    file: str | None = None

    def resolve(self, folder: Path) -> SecretStr:
        """The secret. Raises `ValueError` saying what is missing and what to do."""
        if self.env is not None:
            return from_env(self.env)
        if self.file is not None:
            return from_file(folder / self.file)
        assert self.literal is not None
        return self.literal


def parse_header(value: object) -> SecretSource:
    """A header's value as the file gives it. Raises `ValueError`, without the value, if it is none."""
    if isinstance(value, str):
        _refuse_control(value)
        return SecretSource(literal=SecretStr(value))
    if isinstance(value, dict) and len(value) == 1:
        ((key, name),) = value.items()
        if key == "env" and isinstance(name, str) and name:
            return SecretSource(env=name)
        if key == "file" and isinstance(name, str) and name:
            return SecretSource(file=name)
    raise ValueError(f"cannot be a header's value; {_HEADER_HELP}")


def redis_password(file: str | None, env: str | None, folder: Path) -> SecretStr | None:
    """The password from `file`, `env` or $CREDENTIALS_DIRECTORY, in this order; None when there is none."""
    if file is not None:
        return from_file(folder / file)
    if env is not None:
        return from_env(env)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (path := Path(credentials) / CREDENTIAL).is_file():
        return from_file(path)
    return None


def from_env(name: str, environ: Mapping[str, str] | None = None) -> SecretStr:
    """The variable's value. Raises `ValueError` if it is not set."""
    value = (os.environ if environ is None else environ).get(name)
    if not value:
        raise ValueError(f"environment variable {name} is not set; set it for the qoed process")
    _refuse_control(value)
    return SecretStr(value)


def from_file(path: Path) -> SecretStr:
    """The file's only line. Raises `ValueError` if it cannot be read or holds something else."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SECRET_BYTES).decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"cannot read {path} ({error.strerror}); check path and permissions") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text; it must hold the secret on one line") from None
    if not text:
        raise ValueError(f"{path} is empty; it must hold the secret on one line")
    _refuse_control(text)
    return SecretStr(text)


def _refuse_control(text: str) -> None:
    if _CONTROL.search(text):
        raise ValueError("the secret has line breaks or control characters; it must be one line of text")
