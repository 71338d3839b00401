"""URIs that a playlist or MPD names: made absolute, and only of schemes that it may name."""

from __future__ import annotations

import re

from qoed.source.url import resolve

# References that need no thought, nearly all of them: no dot segments, empty segments, ports or parameters.
_RELATIVE = re.compile(r"[A-Za-z0-9_%](?:[A-Za-z0-9_.~%=&+,$!@'()*-]|/(?![./])|\?(?!\Z))*+")
_ABSOLUTE = re.compile(r"(https?://[A-Za-z0-9.-]++(?::[0-9]{1,4})?+/)(.*+)")
_NAME = re.compile(r"[A-Za-z0-9_%][A-Za-z0-9_.~%=&+,$!@'()*-]*+")
_KEPT_FOLDERS = 256


class Uris:
    """Resolves the references of the document at `base` (RFC 3986 5.2)."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._folder = resolve(base, "x")[:-1]
        self._local = base.startswith("file:")
        self._folders: dict[str, str] = {}

    def resolve(self, reference: str) -> str:
        """An absolute URI. Raises `ValueError` for what is no URL and for a scheme that is not fetched:

        never a local file from the network.
        """
        if _RELATIVE.fullmatch(reference):
            return self._folder + reference
        match = _ABSOLUTE.fullmatch(reference)
        if match is not None and _RELATIVE.fullmatch(match[2]):
            return reference
        folder, slash, name = reference.rpartition("/")
        if slash and _NAME.fullmatch(name):
            if folder not in self._folders:
                if len(self._folders) > _KEPT_FOLDERS:
                    self._folders.clear()
                self._folders[folder] = self._resolve(f"{folder}/x")[:-1]
            return self._folders[folder] + name
        return self._resolve(reference)

    def _resolve(self, reference: str) -> str:
        uri = resolve(self._base, reference)
        scheme = uri.split(":", 1)[0].lower()
        if scheme not in ("http", "https") and not (scheme == "file" and self._local):
            raise ValueError(f"it names a URI of scheme {scheme[:16]!r}, which is not fetched")
        return uri
