"""What coded media are called in CODECS (RFC 6381), read from the codec's own headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

_AVC_PROFILES = {
    "Constrained Baseline": "42C0",
    "Baseline": "4200",
    "Main": "4D00",
    "High": "6400",
    "High 10": "6E00",
    "High 4:2:2": "7A00",
    "High 4:4:4 Predictive": "F400",
}
_AAC_OBJECTS = {"Main": 1, "LC": 2, "SSR": 3, "LTP": 4, "HE-AAC": 5, "LD": 23, "HE-AACv2": 29, "ELD": 39}
"""Audio object types (ISO/IEC 14496-3 table 1.19) by FFmpeg's name of the profile."""
_PLAIN = {
    "ac3": "ac-3",
    "eac3": "ec-3",
    "opus": "opus",
    "flac": "fLaC",
    "mp3": "mp4a.40.34",
    "mpeg2video": "mp4v.61",
    "vp8": "vp08.00.00.08",
}
_ESCAPE = b"\x00\x00\x03"


def video_codec(context: VideoCodecContext) -> str:
    """`avc1.64001f`, `hvc1.1.6.L93.B0`, `av01.0.04M.08`...; FFmpeg's plain name where RFC 6381 has none.

    In transport streams, where there is no sample entry, it is `avc1` and `hvc1`.
    """
    name = context.codec.canonical_name
    named = _VIDEO.get(name)
    return (named(context, context.extradata or b"") if named else None) or _PLAIN.get(name, name)


def audio_codec(context: AudioCodecContext, packet: Packet[Any] | None) -> str:
    """`mp4a.40.2`, `ac-3`, `opus`...; `packet` tells MPEG layer 2 (`mp2`) from layer 3."""
    name = context.codec.canonical_name
    if name == "aac":
        return f"mp4a.40.{_aac_object(context)}"
    if name == "mp3" and packet is not None and packet.size > 1 and bytes(packet)[1] & 0x06 == 0x04:
        return "mp2"  # ISO/IEC 11172-3 2.4.2.3: layer is 10
    return _PLAIN.get(name, name)


def _avc(context: VideoCodecContext, extra: bytes) -> str | None:
    """ISO/IEC 14496-15 annex E.2: profile, constraints and level of the first SPS."""
    entry = "avc3" if context.codec_tag == "avc3" else "avc1"
    if len(extra) > 3 and extra[0] == 1:  # avcC
        return f"{entry}.{extra[1:4].hex()}"
    sps = _annex_b(extra, lambda head: head & 0x1F == 7, header=1)
    if sps is not None and len(sps) >= 3:
        return f"{entry}.{sps[:3].hex()}"
    profile = _AVC_PROFILES.get(context.profile or "")
    return f"{entry}.{profile}{context.level:02X}".lower() if profile and context.level > 0 else None


def _hevc(context: VideoCodecContext, extra: bytes) -> str | None:
    """ISO/IEC 14496-15 annex E.3, from hvcC or from the profile_tier_level of the first SPS."""
    if len(extra) > 12 and extra[0] == 1:
        levels = extra[1:13]
    else:
        sps = _annex_b(extra, lambda head: head >> 1 & 0x3F == 33, header=2)
        if sps is None or len(sps) < 13:
            return None
        levels = sps[1:13]
    space, high_tier, profile = levels[0] >> 6, levels[0] >> 5 & 1, levels[0] & 0x1F
    compatible = int(f"{int.from_bytes(levels[1:5], 'big'):032b}"[::-1], 2)
    constraints = levels[5:11].rstrip(b"\0")
    entry = "hev1" if context.codec_tag == "hev1" else "hvc1"
    parts = [entry, f"{('', 'A', 'B', 'C')[space]}{profile}", f"{compatible:X}"]
    parts += [f"{'LH'[high_tier]}{levels[11]}", *(f"{byte:X}" for byte in constraints)]
    return ".".join(parts)


def _av1(_context: VideoCodecContext, extra: bytes) -> str | None:
    """AV1 ISOBMFF binding, section 5, from av1C."""
    if len(extra) < 3 or extra[0] != 0x81:
        return None
    profile, level, tier = extra[1] >> 5, extra[1] & 0x1F, extra[2] >> 7
    depth = (12 if extra[2] & 0x20 else 10) if extra[2] & 0x40 else 8
    return f"av01.{profile}.{level:02d}{'MH'[tier]}.{depth:02d}"


def _vp9(context: VideoCodecContext, _extra: bytes) -> str | None:
    """VP codec ISOBMFF binding; FFmpeg does not tell the level: 00."""
    profile = (context.profile or "").removeprefix("Profile ")
    if not profile.isdecimal():
        return None
    return f"vp09.{int(profile):02d}.00.{10 if '10' in (context.pix_fmt or '') else 8:02d}"


_VIDEO: dict[str, Callable[[VideoCodecContext, bytes], str | None]] = {
    "h264": _avc,
    "hevc": _hevc,
    "av1": _av1,
    "vp9": _vp9,
}


def _aac_object(context: AudioCodecContext) -> int:
    extra = context.extradata or b""
    if len(extra) >= 2:  # AudioSpecificConfig, ISO/IEC 14496-3 1.6.2.1
        kind = extra[0] >> 3
        return 32 + ((extra[0] & 7) << 3 | extra[1] >> 5) if kind == 31 else kind
    return _AAC_OBJECTS.get(context.profile or "", 2)


def _annex_b(extra: bytes, wanted: Callable[[int], bool], *, header: int) -> bytes | None:
    """The first wanted NAL unit's payload, without its header and without emulation prevention bytes."""
    for unit in extra.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01"):
        if unit and wanted(unit[0]):
            return unit[header:].replace(_ESCAPE, b"\x00\x00")
    return None
