"""Declared CODECS against what the media is (RFC 6381). Declaring more than there is harms nobody."""

from __future__ import annotations

_ALIKE = {
    "avc3": "avc1",
    "avc2": "avc1",
    "avc4": "avc1",
    "hev1": "hvc1",
    "dvh1": "hvc1",
    "dvhe": "hvc1",
    "dva1": "avc1",
    "dvav": "avc1",
    "vp8": "vp08",
    "vp9": "vp09",
}
"""Sample entries of one coding; in transport streams there are none to tell apart."""
_VIDEO = {"avc1", "hvc1", "av01", "vp08", "vp09", "mp4v", "vvc1"}
_AUDIO_ALIKE = {
    "mp4a.40.34": "mp3",
    "mp4a.6b": "mp3",
    "mp4a.69": "mp3",
    "mp2": "mp3",
    "mp4a.a5": "ac-3",
    "mp4a.a6": "ec-3",
    "mp4a.67": "aac",
    "mp4a.66": "aac",
    "mp4a.68": "aac",
    "ac3": "ac-3",
    "eac3": "ec-3",
}
"""Layers 2 and 3 of MPEG audio share their object types."""
_AUDIO = {
    "mp3",
    "aac",
    "ac-3",
    "ec-3",
    "ac-4",
    "opus",
    "flac",
    "vorbis",
    "dtsc",
    "dtse",
    "dtsx",
    "mhm1",
    "mha1",
}
_AVC_RANK = {66: 0, 77: 1, 88: 1, 100: 2, 110: 3, 122: 4, 244: 5}
"""Profiles of H.264 in the order in which each contains the ones before (nearly)."""
_HEVC_RANK = {3: 0, 1: 0, 2: 1, 4: 2}


def video_of(codecs: str | None) -> str | None:
    """The first video codec of a CODECS list."""
    return next((name for name in _names(codecs) if _family(name) in _VIDEO), None)


def audio_of(codecs: str | None) -> str | None:
    """The family of the first sound codec of a CODECS list: `aac`, `ac-3`, `opus`..."""
    families = (audio_family(name) for name in _names(codecs))
    return next((family for family in families if family in _AUDIO), None)


def audio_family(name: str) -> str:
    """Sound codecs that one decoder takes have one family."""
    name = name.strip().lower()
    if name in _AUDIO_ALIKE:
        return _AUDIO_ALIKE[name]
    return "aac" if name.startswith("mp4a.40") else name


def difference(declared: str, measured: str) -> str | None:
    """In what the media is more, or another, than declared; None when a player that trusts it can play."""
    want, found = _family(declared), _family(measured)
    if want != found:
        return "codec"
    if want == "avc1":
        return _avc(_parts(declared), _parts(measured))
    if want == "hvc1":
        return _hevc(_parts(declared), _parts(measured))
    return _av1(_parts(declared), _parts(measured)) if want == "av01" else None


def _avc(declared: list[str], measured: list[str]) -> str | None:
    want, found = _avc_numbers(declared), _avc_numbers(measured)
    if want is None or found is None:
        return None
    (profile, level), (real_profile, real_level) = want, found
    if _outranks(_AVC_RANK, real_profile, profile):
        return "profile"
    return "level" if real_level > level else None


def _avc_numbers(parts: list[str]) -> tuple[int, int] | None:
    """(profile, level) of `avc1.64001f`, or of the old `avc1.100.31`; level 1b (9) counts as 11."""
    try:
        if len(parts) == 2 and len(parts[1]) == 6:
            profile, level = int(parts[1][:2], 16), int(parts[1][4:], 16)
        elif len(parts) == 3:
            profile, level = int(parts[1]), int(parts[2])
        else:
            return None
    except ValueError:
        return None
    return profile, 11 if level == 9 else level


def _hevc(declared: list[str], measured: list[str]) -> str | None:
    want, found = _hevc_numbers(declared), _hevc_numbers(measured)
    if want is None or found is None:
        return None
    if _outranks(_HEVC_RANK, found[0], want[0]):
        return "profile"
    return "level" if found[1] > want[1] else None


def _hevc_numbers(parts: list[str]) -> tuple[int, int] | None:
    """(profile, level) of `hvc1.2.4.L123.B0`."""
    try:
        return int(parts[1].lstrip("ABCabc")), int(parts[3].lstrip("LHlh"))
    except (IndexError, ValueError):
        return None


def _av1(declared: list[str], measured: list[str]) -> str | None:
    """`av01.0.04M.08`: profile and level."""
    try:
        if int(measured[1]) > int(declared[1]):
            return "profile"
        return "level" if int(measured[2][:2]) > int(declared[2][:2]) else None
    except (IndexError, ValueError):
        return None


def _outranks(ranks: dict[int, int], real: int, declared: int) -> bool:
    """Whether a profile is beyond the declared one, as far as the two can be compared."""
    return real in ranks and declared in ranks and ranks[real] > ranks[declared]


def _names(codecs: str | None) -> list[str]:
    return [name for part in (codecs or "").split(",") if (name := part.strip().strip('"'))]


def _parts(name: str) -> list[str]:
    return name.strip().split(".")


def _family(name: str) -> str:
    entry = _parts(name)[0].lower()
    return _ALIKE.get(entry, entry)
