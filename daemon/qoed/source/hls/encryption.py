"""EXT-X-KEY: reading one, and which are in force (RFC 8216bis 4.4.4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from qoed.source.hls.model import Key
from qoed.source.uris import Uris

IDENTITY = "identity"
_IV = re.compile(r"0[xX][0-9A-Fa-f]{1,32}")
_VERSIONS = re.compile(r"[1-9][0-9]*+(?:/[1-9][0-9]*+)*+")
_USUAL = frozenset({"METHOD", "URI", "IV"})
_METHODS = frozenset({"NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR"})


def parse_key(attributes: Mapping[str, str], uris: Uris) -> Key:
    """The key of one tag; rules that it breaks are in its `problems`, and without `uri` it is of no use.

    Raises `ValueError` without METHOD and for a URI that is not fetched.
    """
    method = attributes.get("METHOD", "")
    if not method:
        raise ValueError("EXT-X-KEY has no METHOD")
    iv = attributes.get("IV")
    usable = iv is None or _IV.fullmatch(iv) is not None
    uri = attributes.get("URI") or None
    if method == "AES-128" and uri is not None:
        uri = uris.resolve(uri) if usable else None
    return Key(
        method=method,
        uri=uri,
        iv=int(iv, 16).to_bytes(16, "big") if iv is not None and usable else None,
        key_format=attributes.get("KEYFORMAT"),
        key_format_versions=attributes.get("KEYFORMATVERSIONS"),
        problems=_problems(attributes, method, usable),
    )


def _problems(attributes: Mapping[str, str], method: str, usable: bool) -> tuple[str, ...]:
    if method == "AES-128" and usable and attributes.keys() <= _USUAL and attributes.get("URI"):
        return ()
    problems = []
    if method not in _METHODS:
        problems.append(f"METHOD={method[:32]} is not defined")
    if method == "NONE":
        extra = sorted(attributes.keys() & {"URI", "IV", "KEYFORMAT", "KEYFORMATVERSIONS"})
        problems += [f"METHOD=NONE comes with {name}" for name in extra]
    elif not attributes.get("URI"):
        problems.append(f"METHOD={method[:32]} has no URI")
    if not usable:
        problems.append("IV is not a 128-bit hexadecimal number")
    versions = attributes.get("KEYFORMATVERSIONS")
    if versions is not None and not _VERSIONS.fullmatch(versions):
        problems.append("KEYFORMATVERSIONS is no list of positive integers")
    return tuple(problems)


class KeysInForce:
    """The keys that apply to what follows: one for each KEYFORMAT, until METHOD=NONE."""

    def __init__(self) -> None:
        self._by_format: dict[str, Key] = {}
        self.chosen: Key | None = None
        """The one that qoed can use, else the newest: segments under it cannot be had."""

    def take(self, key: Key) -> None:
        """A tag was read."""
        if key.method == "NONE":
            self._by_format.clear()
            self.chosen = None
            return
        self._by_format[key.key_format or IDENTITY] = key
        ours = self._by_format.get(IDENTITY)
        self.chosen = ours if ours is not None and ours.method == "AES-128" else key
