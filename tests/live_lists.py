"""Media playlists with one thing otherwise: `live(10, names={12: "other.ts"})`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import playlists as m3u

Numbered = Mapping[int, object]
"""By media sequence number."""


def live(
    first: int,
    count: int = 6,
    *,
    seconds: float = 2.0,
    target: object = 2,
    version: int | None = 6,
    head: Sequence[str] = (),
    tail: Sequence[str] = (),
    dated: bool = False,
    tags: Mapping[int, str | Sequence[str]] | None = None,
    lasts: Numbered | None = None,
    names: Numbered | None = None,
    dates: Mapping[int, float] | None = None,
    name: str = "{}.ts",
) -> str:
    """A window of `count` segments from `first` on, the healthy way but for what is given.

    `tags` stand before a segment, `lasts` are EXTINF values, `names` URIs, `dates` seconds by which its
    program date-time is off; `head` and `tail` are lines of the list.
    """
    lines = [] if version is None else [m3u.version(version)]
    lines += [m3u.target(target), m3u.sequence(first), *head]
    for number in range(first, first + count):
        before = (tags or {}).get(number, ())
        before = [before] if isinstance(before, str) else list(before)
        if dated:
            before.append(m3u.pdt(number * seconds + (dates or {}).get(number, 0.0)))
        uri = (names or {}).get(number, name.format(number))
        lines.append(m3u.inf((lasts or {}).get(number, seconds), str(uri), *before))
    return m3u.playlist(*lines, *tail)


def vod(count: int = 6, **otherwise: object) -> str:
    """A list that has ended."""
    tail = [*otherwise.pop("tail", ()), m3u.endlist()]  # type: ignore[misc]
    return live(0, count, tail=tail, **otherwise)  # type: ignore[arg-type]


def event(count: int, **otherwise: object) -> str:
    """A list of type EVENT that has grown to `count` segments."""
    head = [m3u.tag("PLAYLIST-TYPE", "EVENT"), *otherwise.pop("head", ())]  # type: ignore[misc]
    return live(0, count, head=head, **otherwise)  # type: ignore[arg-type]


def daterange(name: str, start_s: float, **attributes: object) -> str:
    """EXT-X-DATERANGE that starts `start_s` after `EPOCH`; attributes as for `playlists.tag`."""
    pairs = {"id": m3u.quoted(name), "start_date": m3u.quoted(m3u.moment(start_s)), **attributes}
    return m3u.tag("DATERANGE", **pairs)


def part(sequence: int, index: int, seconds: object = 0.5, **attributes: object) -> str:
    """EXT-X-PART `<sequence>.<index>.mp4`."""
    return m3u.tag(
        "PART", uri=m3u.quoted(f"{sequence}.{index}.mp4"), duration=seconds, independent="YES", **attributes
    )


def low_latency(
    end: tuple[int, int],
    *,
    count: int = 6,
    part_s: float = 0.5,
    lasts: Mapping[tuple[int, int], float] | None = None,
    head: Sequence[str] = (),
    tail: Sequence[str] = (),
) -> str:
    """Two-second segments of four parts, up to `end` = (sequence, how many parts of the last are there)."""
    last, there = end
    lines = [
        m3u.version(9),
        m3u.target(2),
        m3u.tag("PART-INF", part_target=part_s),
        m3u.tag("SERVER-CONTROL", can_block_reload="YES", part_hold_back=3 * part_s),
        m3u.sequence(last - count),
        *head,
        m3u.ext_map("init.mp4"),
    ]
    for number in range(last - count, last + 1):
        parts = 4 if number < last else there
        if number >= last - 2:
            lines += [part(number, at, (lasts or {}).get((number, at), part_s)) for at in range(parts)]
        if number < last:
            lines.append(m3u.inf(2.0, f"{number}.mp4"))
    return m3u.playlist(*lines, *tail)
