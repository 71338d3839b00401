"""Hostile text: whatever a playlist under the size limits holds, it is read, or refused, in no time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import playlists as m3u
from qoed.source.hls.attributes import parse_attributes
from qoed.source.hls.playlist import MAX_LINES, PlaylistError, parse_playlist
from qoed.source.uris import Uris
from qoed.source.url import resolve

URL = "https://origin.example/live/index.m3u8?token=abc"
HEAD = f"#EXTM3U\n{m3u.target(6)}\n"
MAX_BYTES = 2 * 1024 * 1024
BUDGET_S = 0.05
SLACK = 6
"""A shared, slow or measured machine may take so many times as long; what is not linear takes hundreds."""


def filled(line: Callable[[int], str]) -> bytes:
    """A playlist of as many lines as are allowed."""
    lines, size = [], len(HEAD)
    for number in range(MAX_LINES - 3):
        text = line(number)
        size += len(text) + 1
        if size > MAX_BYTES:
            break
        lines.append(text)
    return (HEAD + "\n".join(lines) + "\n").encode()


def cycle(*lines: str) -> Callable[[int], str]:
    return lambda number: lines[number % len(lines)].replace("%", str(number))


INF = "#EXTINF:6.006,"
SHAPES = {
    "segments": cycle(INF, "%.ts"),
    "absolute uris": cycle(INF, "https://cdn.example.com/a/b/c/%.ts"),
    "uris of folders": cycle(INF, "../x/%.ts"),
    "uris with spaces": cycle(INF, "a b %.ts"),
    "dates": cycle(m3u.pdt(0), INF, "%.ts"),
    "keys": cycle('#EXT-X-KEY:METHOD=AES-128,URI="k%",IV=0x%', INF, "%.ts"),
    "keys alone": cycle('#EXT-X-KEY:METHOD=AES-128,URI="k%",IV=0x%'),
    "maps": cycle('#EXT-X-MAP:URI="%.mp4"', INF, "%.ts"),
    "parts": cycle('#EXT-X-PART:DURATION=0.3,URI="%.m4s",INDEPENDENT=YES'),
    "date ranges": cycle('#EXT-X-DATERANGE:ID="%",START-DATE="2026-01-01T00:00:00Z",X-A="b"'),
    "hints": cycle('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="%"'),
    "attributes": cycle("#EXT-X-SCTE35:" + ",".join(f"A{n}=1" for n in range(60))),
    "one attribute": cycle("#EXT-X-SCTE35:" + "A=1," * 4000),
    "open quotes": cycle("#EXT-X-SCTE35:" + 'A="' * 5000),
    "spaces": cycle("#EXT-X-SCTE35:A=" + " " * 16000 + '"'),
    "commas": cycle("#EXT-X-SCTE35:" + "," * 16000),
    "sequences": cycle(INF, "%.ts", "#EXT-X-MEDIA-SEQUENCE:%"),
    "skips": cycle("#EXT-X-SKIP:SKIPPED-SEGMENTS=%"),
    "strays": cycle("%.ts"),
    "variants": cycle('#EXT-X-STREAM-INF:BANDWIDTH=%,AUDIO="a"', "v.m3u8"),
    "media": cycle('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="%",NAME="%"', "#EXT-X-STREAM-INF:BANDWIDTH=1", "v"),
    "definitions": cycle('#EXT-X-DEFINE:NAME="n%",VALUE="1"'),
    "references": lambda number: m3u.define(NAME="n", VALUE="1") if number == 0 else "{$n}" * 4000,
    "open references": cycle("{$" * 8000),
}


@pytest.mark.parametrize("line", SHAPES.values(), ids=SHAPES)
def test_largest_playlists_take_no_time(line: Callable[[int], str]) -> None:
    """Two megabytes or twenty thousand lines of anything are through within the budget."""
    body, took = filled(line), []
    for _ in range(2):
        begun = time.process_time()
        with contextlib.suppress(PlaylistError):
            parse_playlist(body, URL)
        took.append(time.process_time() - begun)

    assert min(took) < BUDGET_S * SLACK


PIECES = st.sampled_from(
    ["A", "=", ",", '"', " ", "1", "YES", "a-b_C", "\t", "=,", '""', "x" * 100, "é", "\x00"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_text_is_an_attribute_list_or_none(text: str) -> None:
    """Attribute lists are read or refused; what is read has names, and values without quotes."""
    found: dict[str, str] = {}
    refused = None
    try:
        found = parse_attributes(text)
    except ValueError as error:
        refused = str(error)

    assert refused in (None, "is no attribute list", "has more than 64 attributes")
    assert all(name and '"' not in value for name, value in found.items())


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", min_size=1, max_size=12),
        st.one_of(
            st.text(st.characters(blacklist_characters='"\r\n', codec="utf-8"), max_size=20).map(m3u.quoted),
            st.text("ABC019.x-/@", max_size=10),
        ),
        max_size=20,
    )
)
def test_attribute_lists_are_read_back(attributes: dict[str, str]) -> None:
    """What the standard lets a packager write is read as it was meant."""
    text = ",".join(f"{name}={value}" for name, value in attributes.items())

    assert parse_attributes(text) == {name: value.strip('"') for name, value in attributes.items()}


REFERENCES = st.one_of(
    st.text("ab1._-~%/?=&:@#;, é", max_size=20),
    st.builds(
        "https://{}/{}".format,
        st.sampled_from(["h", "h:80", "u:p@h", "h:99999", ""]),
        st.text("ab./?", max_size=9),
    ),
    st.sampled_from(
        ["//h/a", "../../a", "/a/../b", "?q", "#f", ".", "..", "a?", "a//b", "http:a", "HTTP://h/a"]
    ),
)


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(
        [URL, "http://h", "http://h/", "http://h/a//b/i.m3u8", "http://h/a/../b/i", "http://h?x"]
    ),
    REFERENCES,
)
def test_short_cut_to_uris_leads_to_the_same_place(base: str, reference: str) -> None:
    """The quick way to an absolute URI and the thorough one agree on every reference."""
    try:
        expected = resolve(base, reference)
    except ValueError:
        expected = ""
    try:
        found = Uris(base).resolve(reference)
    except ValueError:
        assert not expected.lower().startswith(("http:", "https:"))
        return

    assert found == expected
