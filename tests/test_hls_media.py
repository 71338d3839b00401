"""HLS media over real HTTP: on demand, init sections, ranges, keys, gaps, local playlists."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import playlists as m3u
from hls_run import KEY, Run, finished, fmp4, http, origin, sealed, source, ts, vod  # noqa: F401 - fixtures
from origin import LiveOrigin
from qoed.errors import SourceError
from qoed.model import Phase, Reason
from qoed.source import HttpClient


async def test_vod_arrives_whole_and_ends(origin: LiveOrigin, http: HttpClient) -> None:
    """VOD is fetched from its first segment to its last, and then the run ends."""
    origin.add_vod("hd", [ts(n) for n in range(20)], segment_s=2.0)
    run = await finished(http, origin.url("/hd/index.m3u8"))

    assert [s.sequence for s in run.segments()] == list(range(20))
    assert [s.media_time_s for s in run.segments()] == [2.0 * n for n in range(20)]
    assert run.findings() == []


async def test_vod_can_be_paced_by_its_own_clock(origin: LiveOrigin, http: HttpClient) -> None:
    """With `pace: realtime` VOD is released as it plays."""
    origin.add_vod("hd", [ts(n) for n in range(4)], segment_s=0.2)
    begun = asyncio.get_running_loop().time()
    await finished(http, origin.url("/hd/index.m3u8"), pace="realtime")

    assert 0.6 <= asyncio.get_running_loop().time() - begun < 2.0


async def test_fmp4_segments_carry_the_init_section_in_force(origin: LiveOrigin, http: HttpClient) -> None:
    """Each fMP4 segment has its EXT-X-MAP, by byte range too, fetched once per change."""
    origin.put("/i.mp4", b"0123456789")
    origin.put("/j.mp4", b"abcdefghij")
    for number in range(4):
        origin.put(f"/{number}.m4s", fmp4(number))
    url = vod(
        origin,
        m3u.ext_map("i.mp4", "4@2"),
        m3u.inf(2, "0.m4s"),
        m3u.inf(2, "1.m4s"),
        m3u.discontinuity(),
        m3u.ext_map("j.mp4"),
        m3u.inf(2, "2.m4s"),
        m3u.inf(2, "3.m4s"),
    )
    run = await finished(http, url)

    assert [s.init for s in run.segments()] == [b"2345", b"2345", b"abcdefghij", b"abcdefghij"]
    assert {s.container for s in run.segments()} == {"mp4"}
    assert [s.discontinuity for s in run.segments()] == [False, False, True, False]
    assert [f.reason for f in run.findings()] == [Reason.DISCONTINUITY]
    assert origin.count("/?.mp4") == 2


async def test_missing_init_section_is_told_as_such(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment whose init section is gone is a finding that says so."""
    origin.put("/0.m4s", fmp4(0))
    run = await finished(http, vod(origin, m3u.ext_map("gone.mp4"), m3u.inf(2, "0.m4s")))

    (found,) = run.findings(Reason.SEGMENT_MISSING)
    assert found.evidence["what"] == "init section"
    assert run.segments() == []


async def test_byte_ranges_of_one_file_are_its_segments(origin: LiveOrigin, http: HttpClient) -> None:
    """Segments that are ranges of one file arrive as exactly those bytes."""
    origin.put("/all.ts", ts(0, 500) + ts(1, 600) + ts(2, 700))
    url = vod(
        origin,
        m3u.inf(2, "all.ts", m3u.byterange(500, 0)),
        m3u.inf(2, "all.ts", m3u.byterange(600)),
        m3u.inf(2, "all.ts", m3u.byterange(700)),
    )
    run = await finished(http, url)

    assert [s.data for s in run.segments()] == [ts(0, 500), ts(1, 600), ts(2, 700)]


async def test_encrypted_segments_arrive_in_the_clear(origin: LiveOrigin, http: HttpClient) -> None:
    """AES-128 is decrypted by the sequence number or the given IV, with one request for the key."""
    iv = bytes(15) + b"\x2a"
    origin.put("/k", KEY)
    origin.put("/7.ts", sealed(ts(7), (7).to_bytes(16, "big")))
    origin.put("/8.ts", sealed(ts(8), iv))
    origin.put("/9.ts", ts(9))
    url = vod(
        origin,
        m3u.sequence(7),
        m3u.key("AES-128", "k"),
        m3u.inf(2, "7.ts"),
        m3u.key("AES-128", "k", "0x2A"),
        m3u.inf(2, "8.ts"),
        m3u.key("NONE"),
        m3u.inf(2, "9.ts"),
    )
    run = await finished(http, url)

    assert [s.data for s in run.segments()] == [ts(7), ts(8), ts(9)]
    assert origin.count("/k") == 1


async def test_encrypted_init_section_is_decrypted(origin: LiveOrigin, http: HttpClient) -> None:
    """An init section under a key is decrypted with that key's IV."""
    iv = bytes(16)
    origin.put("/k", KEY)
    origin.put("/i.mp4", sealed(b"init section", iv))
    origin.put("/0.m4s", sealed(fmp4(0), iv))
    url = vod(origin, m3u.key("AES-128", "k", "0x0"), m3u.ext_map("i.mp4"), m3u.inf(2, "0.m4s"))
    (segment,) = (await finished(http, url)).segments()

    assert (segment.init, segment.data) == (b"init section", fmp4(0))


async def test_damaged_ciphertext_still_reaches_the_decoder(origin: LiveOrigin, http: HttpClient) -> None:
    """A cut encrypted segment is decrypted as far as it goes, so that its damage is measured."""
    origin.put("/k", KEY)
    origin.put("/0.ts", sealed(ts(0), bytes(16))[:1003])
    (segment,) = (await finished(http, vod(origin, m3u.key("AES-128", "k"), m3u.inf(2, "0.ts")))).segments()

    assert segment.data == ts(0)[:992]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (m3u.key("AES-128", "gone"), "key cannot be fetched, HTTP 404: http://127.0.0.1"),
        (m3u.key("AES-128", "short"), "key has 3 bytes instead of 16"),
        (m3u.key("SAMPLE-AES", "skd://x"), "EXT-X-KEY METHOD=SAMPLE-AES is not supported"),
    ],
)
async def test_segments_without_a_usable_key_are_one_finding(
    origin: LiveOrigin, http: HttpClient, key: str, message: str
) -> None:
    """A key that cannot be had or used is one lasting finding for all segments under it."""
    origin.put("/short", b"abc")
    for number in range(3):
        origin.put(f"/{number}.ts", ts(number))
    url = vod(origin, key, m3u.inf(2, "0.ts"), m3u.inf(2, "1.ts"), m3u.key("NONE"), m3u.inf(2, "2.ts"))
    run = await finished(http, url)

    start, end = run.findings(Reason.KEY_UNAVAILABLE)
    assert (start.phase, end.phase) == (Phase.START, Phase.END)
    assert start.message.startswith(message)
    assert [s.sequence for s in run.segments()] == [2]


async def test_gap_is_told_and_not_fetched(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment marked as gap is a finding, and nobody asks for it."""
    origin.put("/0.ts", ts(0))
    run = await finished(http, vod(origin, m3u.inf(2, "0.ts"), m3u.inf(2, "1.ts", m3u.gap())))

    assert [f.reason for f in run.findings()] == [Reason.SEGMENT_GAP]
    assert origin.count("/1.ts") == 0


async def test_empty_segment_counts_as_missing(origin: LiveOrigin, http: HttpClient) -> None:
    """A segment of no bytes is missing, not a segment of zero quality."""
    origin.put("/0.ts", b"")
    run = await finished(http, vod(origin, m3u.inf(2, "0.ts")))

    assert [f.reason for f in run.findings()] == [Reason.SEGMENT_MISSING]
    assert run.segments() == []


async def test_ladder_of_ladders_is_invalid(origin: LiveOrigin, http: HttpClient) -> None:
    """A variant that is itself a multivariant playlist is a finding, not an endless descent."""
    url = origin.add_master({"hd": {"bandwidth": 1000}})
    origin.put("/hd/index.m3u8", m3u.playlist(m3u.variant("/master.m3u8", 1000)))
    async with Run(source(http, url)) as run:
        found = await run.until_finding(Reason.PLAYLIST_INVALID, Phase.START)

    assert "a variant is itself a multivariant playlist" in found.message


async def test_variables_of_the_ladder_reach_its_playlists(origin: LiveOrigin, http: HttpClient) -> None:
    """A media playlist imports the variables of its multivariant playlist."""
    origin.put("/x/0.ts", ts(0))
    origin.put(
        "/v.m3u8",
        m3u.playlist(m3u.define(IMPORT="dir"), m3u.target(2), m3u.inf(2, "{$dir}/0.ts"), m3u.endlist()),
    )
    url = origin.put("/m.m3u8", m3u.playlist(m3u.define(NAME="dir", VALUE="x"), m3u.variant("v.m3u8", 1000)))

    assert len((await finished(http, url)).segments()) == 1


# --- local playlists


async def test_local_playlist_is_read_from_its_folder(tmp_path: Path, http: HttpClient) -> None:
    """A playlist on disk with its segments beside it is a stream that ends."""
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "0.ts").write_bytes(ts(0))
    (folder / "1.ts").write_bytes(ts(1))
    index = folder / "index.m3u8"
    index.write_text(m3u.playlist(m3u.target(2), m3u.inf(2, "0.ts"), m3u.inf(2, "1.ts"), m3u.endlist()))

    for name in (str(index), index.as_uri()):
        run = await finished(http, name)
        assert [s.data for s in run.segments()] == [ts(0), ts(1)]


async def test_local_playlist_cannot_reach_out_of_its_folder(tmp_path: Path, http: HttpClient) -> None:
    """A playlist on disk gets no file outside of its folder, not even through a link."""
    folder = tmp_path / "stream"
    folder.mkdir()
    (tmp_path / "secret.ts").write_bytes(ts(0))
    (folder / "link.ts").symlink_to(tmp_path / "secret.ts")
    index = folder / "index.m3u8"
    index.write_text(
        m3u.playlist(
            m3u.target(2),
            m3u.inf(2, "../secret.ts"),
            m3u.inf(2, "link.ts"),
            m3u.inf(2, "none.ts"),
            m3u.endlist(),
        )
    )
    run = await finished(http, str(index))

    assert run.segments() == []
    assert [f.evidence["error"] for f in run.findings()] == ["refused", "refused", "status"]


async def test_missing_local_playlist_is_told(tmp_path: Path, http: HttpClient) -> None:
    """A playlist that is not on disk fails the run with its path."""
    with pytest.raises(SourceError, match=r"No such file or directory: .*index\.m3u8"):
        await finished(http, str(tmp_path / "index.m3u8"))
