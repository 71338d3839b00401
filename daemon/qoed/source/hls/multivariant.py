"""Reading a multivariant playlist: the ladder and its rendition groups (RFC 8216bis 4.4.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qoed.source.hls.attributes import number, parse_attributes, resolution
from qoed.source.hls.groups import Media, media_rules, variant_rules
from qoed.source.hls.model import AudioRendition, MultivariantPlaylist, Variant
from qoed.source.ladder import audio_only, rendition_of, unique_id
from qoed.source.uris import Uris

MAX_VARIANTS = 64
_MAX_TAGS = 2000
"""EXT-X-STREAM-INF and EXT-X-MEDIA together: variants times audio groups times languages."""
_MAX_PROBLEMS = 32


@dataclass(slots=True)
class _Ladder:
    """What has been read so far."""

    variants: list[Variant] = field(default_factory=list)
    infos: list[Mapping[str, str]] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    uris: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def read_multivariant(lines: Sequence[str], url: str, variables: Mapping[str, str]) -> MultivariantPlaylist:
    """The ladder. Raises `ValueError` with the line or rule that makes it unusable."""
    uris, ladder = Uris(url), _Ladder()
    info: dict[str, str] | None = None
    tags = 0
    for at, text in enumerate(lines, 1):
        line = text.strip()
        tag, _, value = line.partition(":")
        if not line:
            continue
        if line[0] != "#":
            if info is not None:
                _variant(ladder, uris.resolve(line), info)
                info = None
            continue
        if tag in ("#EXT-X-STREAM-INF", "#EXT-X-MEDIA"):
            tags += 1
            if tags > _MAX_TAGS:
                raise ValueError(f"it has more than {_MAX_TAGS} EXT-X-STREAM-INF and EXT-X-MEDIA")
        match tag:
            case "#EXT-X-STREAM-INF":
                try:
                    info = parse_attributes(value)
                    if "BANDWIDTH" in info:
                        info["BANDWIDTH"] = str(int(number(info["BANDWIDTH"])))
                except ValueError as error:
                    raise ValueError(f"line {at} ({tag}) cannot be read") from error
            case "#EXT-X-MEDIA":
                try:
                    ladder.media.append(Media(parse_attributes(value)))
                except ValueError as error:
                    ladder.problems.append(f"line {at} ({tag}) {error}")
            case "#EXTINF" | "#EXT-X-TARGETDURATION":
                raise ValueError("it lists both variants and segments")
    if not ladder.variants:
        raise ValueError("it lists no segments and no variants")
    return _playlist(ladder, uris, variables)


def _variant(ladder: _Ladder, uri: str, info: dict[str, str]) -> None:
    ladder.infos.append(info)
    if uri in ladder.uris:  # one video playlist, listed once per audio group
        return
    if len(ladder.uris) == MAX_VARIANTS:
        raise ValueError(f"it lists more than {MAX_VARIANTS} variants")
    ladder.uris.add(uri)
    bandwidth = int(info["BANDWIDTH"]) if "BANDWIDTH" in info else 0
    width = height = None
    if "RESOLUTION" in info:
        try:
            width, height = resolution(info["RESOLUTION"])
        except ValueError as error:
            ladder.problems.append(f"a variant {error}")
    rendition = rendition_of(
        bandwidth_bps=bandwidth if bandwidth > 0 else None,
        width=width,
        height=height,
        frame_rate=_rate(info.get("FRAME-RATE")),
        codecs=info.get("CODECS"),
    )
    rendition = unique_id(rendition, ladder.ids)
    ladder.ids.add(rendition.id)
    ladder.variants.append(
        Variant(
            rendition=rendition,
            uri=uri,
            audio_group=info.get("AUDIO"),
            audio_only=audio_only(rendition),
        )
    )


def _rate(text: str | None) -> float | None:
    try:
        value = math.nan if text is None else number(text)
    except ValueError:
        return None
    return value if value > 0 else None


def _playlist(ladder: _Ladder, uris: Uris, variables: Mapping[str, str]) -> MultivariantPlaylist:
    problems = ladder.problems + media_rules(ladder.media) + variant_rules(ladder.infos, ladder.media)
    audio = []
    for media in ladder.media:
        reference = media.attributes.get("URI")
        if media.type == "AUDIO":
            audio.append(
                AudioRendition(
                    group=media.group,
                    name=media.name,
                    default=media.attributes.get("DEFAULT") == "YES",
                    uri=uris.resolve(reference) if reference else None,
                )
            )
    return MultivariantPlaylist(
        variants=tuple(ladder.variants),
        audio=tuple(audio),
        variables=variables,
        problems=tuple(problems[:_MAX_PROBLEMS]),
    )
