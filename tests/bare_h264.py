"""H.264 without VUI, as some hardware encoders write it: nothing says how far pictures are reordered."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av

import media

_HIGH = {100, 110, 122, 244}
"""Profiles whose SPS begins with the chroma format (ISO/IEC 14496-10 7.3.2.1.1)."""


def b_pyramid(seconds: float = 2.0, width: int = 320, height: int = 180) -> bytes:
    """MPEG-TS whose B frames refer to B frames, three in a row, and whose SPS has no VUI."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as out:
        options = {
            "preset": "medium",
            "x264-params": "bframes=3:b-pyramid=normal:b-adapt=0:scenecut=0:log-level=-1",
        }
        video: Any = out.add_stream("libx264", rate=media.RATE, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        frames = [
            media.frame_of(media.moving(n / 30, width, height), "yuv420p") for n in range(round(seconds * 30))
        ]
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, media.RATE)
        packets = [packet for frame in [*frames, None] for packet in video.encode(frame)]
        for packet in packets:
            bare = av.Packet(without_vui(bytes(packet)))
            bare.pts, bare.dts, bare.time_base = packet.pts, packet.dts, packet.time_base
            bare.is_keyframe, bare.stream = packet.is_keyframe, video
            out.mux(bare)
    return buffer.getvalue()


def without_vui(access_unit: bytes) -> bytes:
    """An access unit (Annex B) with the VUI taken out of its sequence parameter sets."""
    units = access_unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return b"".join(b"\0\0\0\1" + (_strip(unit) if unit[0] & 0x1F == 7 else unit) for unit in units)


def _strip(sps: bytes) -> bytes:
    raw = sps.replace(b"\0\0\3", b"\0\0")
    bits = "".join(f"{byte:08b}" for byte in raw)
    at = 8 + 24  # NAL header; profile, constraints, level

    def golomb() -> int:
        nonlocal at
        zeros = 0
        while bits[at + zeros] == "0":
            zeros += 1
        value = int(bits[at + zeros : at + 2 * zeros + 1], 2) - 1
        at += 2 * zeros + 1
        return value

    golomb()  # id
    if raw[1] in _HIGH:
        assert golomb() == 1  # 4:2:0
        golomb(), golomb()  # bit depths
        at += 1
        assert bits[at] == "0"  # no scaling matrix
        at += 1
    golomb()  # frame number
    assert golomb() == 0  # picture order count type
    golomb()
    golomb()  # reference frames
    at += 1
    golomb(), golomb()  # size
    assert bits[at] == "1"  # frames only
    at += 2
    at += 1
    if bits[at - 1] == "1":  # cropping
        golomb(), golomb(), golomb(), golomb()
    assert bits[at] == "1"  # there is a VUI
    kept = bits[:at] + "01"  # none any more, and the stop bit
    kept += "0" * (-len(kept) % 8)
    bare = bytes(int(kept[place : place + 8], 2) for place in range(0, len(kept), 8))
    for pattern in (b"\0\0\0", b"\0\0\1", b"\0\0\2", b"\0\0\3"):
        bare = bare.replace(pattern, pattern[:2] + b"\3" + pattern[2:])
    return bare
