"""AES-128 segments (RFC 8216bis 4.4.4.4): AES-128-CBC with PKCS7 padding, and the keys for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from qoed.errors import SourceError
from qoed.source.hls.model import Key

_BLOCK = 16
_MAX_KEYS = 64


class KeyUnavailableError(SourceError):
    """A key could not be had, or its METHOD is not one that qoed decrypts."""


class KeyCache:
    """Keys by URI, the least recently used forgotten; `fetch` gets the bytes of a key that is not held."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._held: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, key: Key) -> bytes:
        """The 16 bytes of `key`. Raises `KeyUnavailableError`."""
        if key.method != "AES-128":
            raise KeyUnavailableError(f"EXT-X-KEY METHOD={key.method[:32]} is not supported")
        if key.uri is None:
            raise KeyUnavailableError(f"EXT-X-KEY cannot be used, {', '.join(key.problems)}")
        if key.uri not in self._held:
            try:
                value = await self._fetch(key.uri)
            except SourceError as error:
                raise KeyUnavailableError(f"key cannot be fetched, {error}") from error
            if len(value) != _BLOCK:
                raise KeyUnavailableError(f"key has {len(value)} bytes instead of {_BLOCK}")
            self._held[key.uri] = value
            while len(self._held) > _MAX_KEYS:
                self._held.popitem(last=False)
        self._held.move_to_end(key.uri)
        return self._held[key.uri]


def decrypt(data: bytes, key: bytes, iv: bytes) -> bytes:
    """The plain bytes. What is cut or wrongly padded is decrypted as far as it goes: the decoder finds it."""
    whole = len(data) - len(data) % _BLOCK
    # CBC is what the standard prescribes for METHOD=AES-128.
    decryptor = Cipher(algorithms.AES128(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(data[:whole]) + decryptor.finalize()
    if whole != len(data) or not plain:
        return plain
    pad = plain[-1]
    padded = 1 <= pad <= _BLOCK and plain.endswith(bytes([pad]) * pad)
    return plain[:-pad] if padded else plain


def sequence_iv(sequence: int) -> bytes:
    """The IV of a segment whose key names none: its media sequence number, big-endian."""
    return sequence.to_bytes(_BLOCK, "big")
