"""Files as streams that end: real media of each container, cut at key frames, nothing lost."""

from __future__ import annotations

import asyncio
import io
import os
import tracemalloc
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from fake_clock import FakeClock
from origin import LiveOrigin
from qoed.clock import SystemClock
from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Reason, Segment, Severity
from qoed.source import HttpClient, SourceOptions, make_source
from qoed.source.files import FileSource, media_files

RATE = 10


@cache
def clip(codec: str, container: str, seconds: float, gop: int = RATE, audio: str | None = None) -> bytes:
    """A short real video: `seconds` at ten pictures a second, a key frame every `gop` pictures."""
    options = {"libx264": {"preset": "ultrafast", "tune": "zerolatency"}, "libvpx": {"deadline": "realtime"}}
    if codec == "libx265":
        options["libx265"] = {"preset": "ultrafast", "x265-params": f"log-level=none:keyint={gop}:open-gop=1"}
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        video = out.add_stream(codec, rate=RATE, options=options.get(codec, {}))
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        video.codec_context.gop_size = gop
        sound = out.add_stream(audio, rate=48_000, layout="mono") if audio else None
        for index in range(round(seconds * RATE)):
            picture = np.full((96, 160, 3), index * 5 % 256, np.uint8)
            picture[:, index % 140 : index % 140 + 20] = 255
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if sound is not None:
                samples = np.zeros((1, 4800), np.float32)
                frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 48_000, index * 4800
                out.mux(sound.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            out.mux(sound.encode(None))
    return buffer.getvalue()


def decoded(segment: Segment) -> tuple[int, int]:
    """(pictures, damaged pictures) of a segment, as a decoder that knows nothing else finds them."""
    with av.open(io.BytesIO(segment.init + segment.data), format=segment.container) as source:
        frames = list(source.decode(video=0))
    return len(frames), sum(bool(frame.is_corrupt) for frame in frames)


def still(format_name: str) -> bytes:
    buffer = io.BytesIO()
    codec = {"png": "png", "jpg": "mjpeg", "webp": "libwebp"}[format_name]
    pixels = {"png": "rgb24", "jpg": "yuvj420p", "webp": "yuv420p"}[format_name]
    with av.open(buffer, "w", format="image2pipe") as out:
        stream = out.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return buffer.getvalue()


async def read(path: Path | str, **options: object) -> list[Segment | Finding]:
    """Everything that a path yields."""
    items: list[Segment | Finding] = []

    async def emit(item: Segment | Finding) -> None:
        items.append(item)

    settings = SourceOptions(**options)  # type: ignore[arg-type]
    await FileSource("file", str(path), settings, clock=SystemClock()).run(emit)
    return items


async def segments(path: Path | str, **options: object) -> list[Segment]:
    found = [item for item in await read(path, **options) if isinstance(item, Segment)]
    times = [segment.media_time_s for segment in found]
    assert times == sorted(times)
    assert [segment.sequence for segment in found] == list(range(len(found)))
    return found


@pytest.mark.parametrize(
    ("codec", "container", "suffix", "audio", "out"),
    [
        ("libx264", "mpegts", "ts", "aac", "mpegts"),
        ("libx264", "mp4", "mp4", "aac", "mp4"),
        ("libx264", "mp4", "mp4", None, "mp4"),
        ("libx264", "matroska", "mkv", "aac", "mp4"),
        ("mpeg2video", "mpegts", "ts", None, "mpegts"),
        ("libvpx", "webm", "webm", "libopus", "matroska"),
    ],
)
async def test_long_file_is_cut_at_key_frames_without_loss(
    tmp_path: Path, codec: str, container: str, suffix: str, audio: str | None, out: str
) -> None:
    """A long file becomes segments of a few seconds that decode alone and together hold every picture."""
    path = tmp_path / f"clip.{suffix}"
    path.write_bytes(clip(codec, container, 14.0, audio=audio))
    found = await segments(path)

    assert len(found) >= 4
    assert {segment.container for segment in found} == {out}
    counts = [decoded(segment) for segment in found]
    assert sum(pictures for pictures, _ in counts) == 140
    assert sum(damaged for _, damaged in counts) == 0
    assert all(3.0 <= segment.duration_s <= 5.0 for segment in found[:-1])
    assert sum(segment.duration_s for segment in found) == pytest.approx(14.0, abs=0.2)
    assert (found[0].rendition.id, found[0].rendition.height) == ("main", 96)


async def test_sound_stays_with_its_pictures(tmp_path: Path) -> None:
    """Cutting keeps the sound: each segment has as much of it as of picture."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip("libx264", "mp4", 14.0, audio="aac"))
    for segment in await segments(path):
        with av.open(io.BytesIO(segment.data), format="mp4") as source:
            seconds = sum(frame.samples for frame in source.decode(audio=0)) / 48_000
        assert seconds == pytest.approx(segment.duration_s, abs=0.15)


async def test_open_gops_make_no_false_damage(tmp_path: Path) -> None:
    """Pictures that refer across a cut are left out rather than shown as damage."""
    path = tmp_path / "clip.mkv"
    path.write_bytes(clip("libx265", "matroska", 14.0, gop=20))
    found = await segments(path)

    assert len(found) >= 3
    assert [decoded(segment)[1] for segment in found] == [0] * len(found)
    assert sum(decoded(segment)[0] for segment in found) >= 140 - 5 * len(found)


async def test_short_file_passes_untouched(tmp_path: Path) -> None:
    """A short file is one segment of the very same bytes, so that its damage is not mended on the way."""
    data = clip("libx264", "mpegts", 4.0)
    path = tmp_path / "clip.ts"
    path.write_bytes(data)
    (found,) = await segments(path)

    assert (found.data, found.container) == (data, "mpegts")
    assert found.duration_s == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
async def test_picture_is_one_segment(tmp_path: Path, suffix: str) -> None:
    """A still picture is one segment of its own bytes."""
    path = tmp_path / f"still.{suffix}"
    path.write_bytes(still(suffix))
    (found,) = await segments(path)

    assert (found.container, found.data, found.duration_s) == ("image", path.read_bytes(), 1.0)


async def test_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    """Segments in a folder follow each other by number, whatever else lies there."""
    for number in (1, 2, 10):
        (tmp_path / f"seg_{number}.ts").write_bytes(clip("libx264", "mpegts", number / 10 + 1))
    (tmp_path / "notes.txt").write_text("not media")
    (tmp_path / ".hidden.ts").write_bytes(b"G")
    found = await segments(tmp_path)

    assert [decoded(segment)[0] for segment in found] == [11, 12, 20]
    assert [path.name for path in media_files(str(tmp_path / "seg_*.ts"))] == [
        "seg_1.ts",
        "seg_2.ts",
        "seg_10.ts",
    ]


async def test_bare_fragments_use_the_init_section_beside_them(tmp_path: Path) -> None:
    """fMP4 fragments in a folder are read with the init section that lies there."""
    whole = io.BytesIO()
    with av.open(io.BytesIO(clip("libx264", "mp4", 4.0))) as source:
        flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        with av.open(whole, "w", format="mp4", options=flags) as out:
            stream = out.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    data = whole.getvalue()
    first = data.index(b"moof") - 4
    second = data.index(b"moof", first + 100) - 4
    (tmp_path / "init.mp4").write_bytes(data[:first])
    (tmp_path / "1.m4s").write_bytes(data[first:second])
    (found,) = await segments(tmp_path)

    assert (found.init, found.data, found.container) == (data[:first], data[first:second], "mp4")
    assert decoded(found) == (10, 0)


async def test_unreadable_file_in_a_folder_is_a_finding(tmp_path: Path) -> None:
    """One file that cannot be read does not keep the others of its folder from being scored."""
    (tmp_path / "1.mp4").write_bytes(clip("libx264", "mp4", 2.0))
    (tmp_path / "2.mp4").write_bytes(clip("libx264", "mp4", 2.0)[:400])
    (tmp_path / "3.mp4").write_bytes(clip("libx264", "mp4", 3.0))
    items = await read(tmp_path)

    (finding,) = [item for item in items if isinstance(item, Finding)]
    assert (finding.reason, finding.severity) == (Reason.UNDECODABLE, Severity.CRITICAL)
    assert finding.message.startswith("2.mp4: cannot be read: ")
    assert [item.duration_s for item in items if isinstance(item, Segment)] == [2.0, 3.0]


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("clip.mp4", b"", r"clip\.mp4: is not MPEG-TS, MP4/MOV, Matroska/WebM, PNG, JPEG or WebP"),
        ("page.mp4", b"<html>", r"page\.mp4: is not MPEG-TS"),
        ("cut.mp4", b"\0\0\0\x18ftypisom" + bytes(100), r"cut\.mp4: cannot be read: "),
        ("noise.ts", bytes(5000), r"noise\.ts: "),
        ("1.m4s", b"\0\0\0\x10styp" + bytes(50), r"1\.m4s: is a fragment, and no init section"),
    ],
)
async def test_broken_file_ends_in_one_clear_line(tmp_path: Path, name: str, data: bytes, text: str) -> None:
    """A file that is no media fails the run with its path and what is wrong, and is not retried."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match=text) as caught:
        await read(path)

    assert (caught.value.reason, caught.value.retryable) == (ErrorReason.SOURCE_INVALID, False)


async def test_sound_without_picture_is_refused(tmp_path: Path) -> None:
    """A file without video is told as such."""
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(SourceError, match=r"sound\.mp4: holds no video"):
        await read(path)


async def test_missing_path_may_appear_later(tmp_path: Path) -> None:
    """A path that is not there is an error worth retrying."""
    with pytest.raises(SourceError, match=r"gone\.mp4: no such file") as caught:
        await read(tmp_path / "gone.mp4")
    assert caught.value.retryable

    with pytest.raises(SourceError, match="holds no MPEG-TS, MP4"):
        await read(tmp_path)


async def test_file_of_one_endless_gop_is_refused_within_bounds(tmp_path: Path) -> None:
    """A file without key frames to cut at does not fill the memory."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip("libx264", "mp4", 20.0, gop=1000))
    with pytest.raises(SourceError, match="no key frame within 5000 bytes"):
        await read(path, max_segment_bytes=5000)


async def test_memory_stays_flat_over_a_long_file(tmp_path: Path) -> None:
    """Only the segment at hand is held, however long the file."""
    path = tmp_path / "long.ts"
    path.write_bytes(clip("libx264", "mpegts", 60.0))
    size, peak = path.stat().st_size, 0

    async def emit(_item: Segment | Finding) -> None:
        nonlocal peak
        peak = max(peak, tracemalloc.get_traced_memory()[0] - begun)

    tracemalloc.start()
    begun = tracemalloc.get_traced_memory()[0]
    await FileSource("file", str(path), SourceOptions(), clock=SystemClock()).run(emit)
    tracemalloc.stop()

    assert peak < size / 2


async def test_realtime_pace_releases_media_as_it_plays(tmp_path: Path, clock: FakeClock) -> None:
    """With `pace: realtime` each segment comes when its media time has come, not before."""
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(still("png"))
    released: list[float] = []

    async def emit(item: Segment | Finding) -> None:
        released.append(clock.monotonic())

    source = FileSource("file", str(tmp_path), SourceOptions(pace="realtime"), clock=clock)
    running = asyncio.create_task(source.run(emit))
    for _ in range(2000):
        await asyncio.sleep(0.001)
        if clock.sleeping:
            await clock.advance(0.5)
        if running.done():
            break
    await running

    assert [at - released[0] for at in released] == [0.0, 1.0, 2.0]


async def test_stopping_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    """A run that is cancelled while it cuts a file closes it."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip("libx264", "mp4", 14.0, audio="aac"))
    came = asyncio.Event()

    async def emit(_item: Segment | Finding) -> None:
        came.set()
        await asyncio.sleep(3600)

    running = asyncio.create_task(FileSource("f", str(path), SourceOptions(), clock=SystemClock()).run(emit))
    await came.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.1)

    held = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_link(fd)]
    assert str(path) not in held


def _is_link(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """One client."""
    async with HttpClient() as client:
        yield client


async def test_media_file_behind_a_url_is_read_like_a_local_one(http: HttpClient) -> None:
    """A plain video URL is fetched and cut like a file."""
    items: list[Segment | Finding] = []

    async def emit(item: Segment | Finding) -> None:
        items.append(item)

    async with LiveOrigin() as origin:
        url = origin.put("/clip.mp4", clip("libx264", "mp4", 14.0))
        await make_source("web", url, SourceOptions(), http=http).run(emit)
        with pytest.raises(SourceError, match=r"HTTP 404: .*/gone\.mp4$"):
            await make_source("web", origin.url("/gone.mp4?k=1"), SourceOptions(), http=http).run(emit)

    assert sum(decoded(item)[0] for item in items if isinstance(item, Segment)) == 140
