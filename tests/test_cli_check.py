"""`qoed check` from the shell: a real configuration, a real origin, a verdict and an exit code."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from origin import LiveOrigin
from qoed.service import ExitCode

SECRET = "S3CR3T"


@pytest.fixture
async def origin() -> AsyncIterator[LiveOrigin]:
    """A live ladder of two renditions."""
    async with LiveOrigin() as origin:
        for name in ("720", "360"):
            origin.add_live(name, lambda sequence: (b"G" + bytes([sequence % 256]) * 187) * 20, segment_s=1.0)
        origin.add_master(
            {
                "720": {"bandwidth": 2_500_000, "resolution": "1280x720"},
                "360": {"bandwidth": 800_000, "resolution": "640x360"},
            }
        )
        yield origin


def write_config(folder: Path, url: str, more: str = "") -> Path:
    """A configuration with the stream `news` at `url`."""
    path = folder / "config.yaml"
    path.write_text(f"streams:\n  - name: news\n    url: {url}\n{more}", encoding="utf-8")
    return path


async def check(path: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `qoed check`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "qoed", "check", "-c", str(path), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_good_stream(origin: LiveOrigin, tmp_path: Path) -> None:
    """A healthy stream ends with exit code 0 and shows its ladder, without the URL's token."""
    code, out, _ = await check(write_config(tmp_path, origin.url(f"/master.m3u8?token={SECRET}")))

    assert code == ExitCode.OK
    assert "is valid" in out
    assert "720p" in out
    assert "1 of 1 streams can be watched" in out
    assert SECRET not in out


async def test_good_stream_as_json(origin: LiveOrigin, tmp_path: Path) -> None:
    """Programs get one object with the resolved streams and what was found at each."""
    code, out, _ = await check(write_config(tmp_path, origin.url("/master.m3u8")), "--json")

    fields = json.loads(out)
    (stream,) = fields["streams"]
    assert (code, fields["valid"], stream["ok"], stream["error"]) == (0, True, True, None)
    assert stream["rules"]
    assert [rung["height"] for rung in stream["ladder"]] == [720, 360]
    assert all(rung["segment_bytes"] == 20 * 188 for rung in stream["ladder"])


async def test_unreachable_stream(tmp_path: Path) -> None:
    """A stream that cannot be had ends with exit code 69 and one line that says why."""
    path = write_config(tmp_path, f"http://user:{SECRET}@127.0.0.1:9/live.m3u8")
    code, out, err = await check(path, "--timeout", "5")

    assert code == ExitCode.UNAVAILABLE
    assert "cannot be watched" in out
    assert SECRET not in out + err


async def test_without_probe_nothing_is_asked(origin: LiveOrigin, tmp_path: Path) -> None:
    """In CI, `--no-probe` validates the file without any request."""
    code, _, _ = await check(write_config(tmp_path, origin.url("/master.m3u8")), "--no-probe")

    assert code == ExitCode.OK
    assert origin.requests == []


async def test_bad_config(tmp_path: Path) -> None:
    """Each mistake in the file is one line with its place, and the exit code is 78."""
    path = write_config(tmp_path, "http://127.0.0.1/x.m3u8", "    rendition: top\n    display_heigth: 720\n")
    code, out, err = await check(path)

    lines = err.strip().splitlines()
    assert code == ExitCode.CONFIG
    assert out == ""
    assert len(lines) == 2
    assert all(line.startswith(f"qoed: {path}:") for line in lines)
    assert "renditions" in lines[0]
    assert "display_height" in lines[1]


async def test_bad_config_as_json(tmp_path: Path) -> None:
    """With `--json` the mistakes are in the object too."""
    code, out, _ = await check(write_config(tmp_path, "ftp://127.0.0.1/x"), "--json")

    fields = json.loads(out)
    assert (code, fields["valid"]) == (ExitCode.CONFIG, False)
    assert "ftp" in fields["errors"][0]
