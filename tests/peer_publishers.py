"""What real encoders and packagers publish: FFmpeg's muxers and Shaka Packager, live and at natural speed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from socket import SOCK_DGRAM

from peers import Peer, Peers, free_port, require

FPS = 25
SEGMENT_S = 2
SOURCE = (
    *("-hide_banner", "-nostdin", "-loglevel", "warning"),
    *("-re", "-f", "lavfi", "-i", f"testsrc2=size=640x360:rate={FPS}"),
    *("-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000,volume=0.5"),
)
"""A moving picture and a tone, in real time."""
CODECS = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"),
    *("-threads", "1", "-b:v", "800k", "-maxrate", "800k", "-bufsize", "800k"),
    *("-g", str(FPS * SEGMENT_S), "-keyint_min", str(FPS * SEGMENT_S), "-sc_threshold", "0"),
    *("-c:a", "aac", "-b:a", "64k", "-ac", "2"),
)
"""H.264 of 800 kbit/s with a key frame every `SEGMENT_S`, and AAC."""
HLS = {
    "f": "hls",
    "hls_time": SEGMENT_S,
    "hls_list_size": 6,
    "hls_flags": "delete_segments+program_date_time",
    "hls_delete_threshold": 3,
}
HLS_FMP4 = HLS | {"hls_segment_type": "fmp4"}
HLS_ONE_FILE = HLS | {"hls_flags": "single_file+program_date_time"}
"""Byte ranges of one growing file."""
DASH = {"f": "dash", "seg_duration": SEGMENT_S, "window_size": 6, "extra_window_size": 6}
"""SegmentTemplate with SegmentTimeline."""
DASH_NUMBER = DASH | {"use_timeline": 0}
DASH_LIST = DASH | {"use_template": 0}
DASH_LOW_LATENCY = DASH_NUMBER | {"ldash": 1, "streaming": 1, "frag_type": "duration", "frag_duration": 0.5}
UDP = {"f": "mpegts"}
RTP = {"f": "rtp_mpegts"}
HTTP = {"f": "mpegts", "listen": 1}
"""FFmpeg is the server, of one client."""
SRT = {"f": "mpegts"}
RTMP = {"f": "flv"}
RTSP = {"f": "rtsp", "rtsp_transport": "tcp", "select": "v"}
"""The picture only, which is what our RTSP server takes."""


def publish(peers: Peers, outputs: Mapping[Path | str, Mapping[str, object]]) -> Peer:
    """One encoder, many muxers: `outputs` names each file or URL with its muxer (`f`) and options."""
    return peers.start(
        "ffmpeg",
        require("ffmpeg"),
        *SOURCE,
        *CODECS,
        *("-map", "0:v", "-map", "1:a", "-flags", "+global_header"),
        *("-f", "tee", "|".join(_slave(target, options) for target, options in outputs.items())),
    )


def encrypted(folder: Path) -> dict[str, object]:
    """HLS with AES-128; the key is `secret.key` in `folder`, and is to be served beside the playlist."""
    (folder / "secret.key").write_bytes(bytes(range(16)))
    info = folder / "key_info.txt"  # the key's URI, its file, and an IV
    info.write_text(f"secret.key\n{folder / 'secret.key'}\n{'0f' * 16}\n")
    return HLS | {"hls_key_info_file": info}


def publish_alone(peers: Peers, target: str, muxer: Mapping[str, object]) -> Peer:
    """An encoder of its own for one URL: for muxers that wait for the other side, and hold up a tee."""
    options = [word for name, value in muxer.items() for word in (f"-{name}", value)]
    return peers.start("ffmpeg", require("ffmpeg"), *SOURCE, *CODECS, *options, target)


def publish_ladder(peers: Peers, folder: Path) -> Peer:
    """360 and 180 lines with sound by FFmpeg's hls muxer, which writes `master.m3u8` too."""
    return peers.start(
        "ffmpeg",
        require("ffmpeg"),
        *SOURCE,
        *("-filter_complex", "[0:v]split=2[hd][full];[full]scale=320:180[sd]"),
        *("-map", "[hd]", "-map", "1:a", "-map", "[sd]", "-map", "1:a", *CODECS),
        *("-b:v:1", "300k", "-maxrate:v:1", "300k", "-bufsize:v:1", "300k"),
        *(word for name, value in HLS.items() for word in (f"-{name}", value)),
        *("-var_stream_map", "v:0,a:0 v:1,a:1", "-master_pl_name", "master.m3u8"),
        *("-hls_segment_filename", folder / "%v_%d.ts", folder / "%v.m3u8"),
    )


def package(peers: Peers, folder: Path) -> tuple[Peer, Peer]:
    """Shaka Packager on FFmpeg's MPEG-TS: `live.mpd` and `live.m3u8` with fMP4; (encoder, packager)."""
    address = f"udp://127.0.0.1:{free_port(SOCK_DGRAM)}"
    packager = peers.start(
        "packager",
        require("packager"),
        *(
            f"in={address}?timeout=10000000,stream={kind},init_segment={folder}/{kind}_init.mp4,"
            f"segment_template={folder}/{kind}_$Number$.m4s,playlist_name={kind}.m3u8"
            for kind in ("video", "audio")
        ),
        *("--segment_duration", SEGMENT_S, "--fragment_duration", SEGMENT_S),
        *("--time_shift_buffer_depth", 6 * SEGMENT_S, "--preserved_segments_outside_live_window", 6),
        *("--mpd_output", folder / "live.mpd", "--minimum_update_period", SEGMENT_S),
        *("--hls_master_playlist_output", folder / "live.m3u8", "--hls_playlist_type", "LIVE"),
    )
    return publish(peers, {f"{address}?pkt_size=1316": UDP}), packager


def _slave(target: Path | str, options: Mapping[str, object]) -> str:
    written = ":".join(f"{name}={_escaped(value)}" for name, value in options.items())
    return f"[{written}]{target}"


def _escaped(value: object) -> str:
    r"""A value inside the tee muxer's brackets: `:` and `\` need a backslash."""
    return str(value).replace("\\", r"\\").replace(":", r"\:").replace("'", r"\'")
