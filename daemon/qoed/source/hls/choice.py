"""Which playlists of a ladder are followed: the chosen variants, and the sound that they play with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from qoed.model import Rendition
from qoed.source.hls.model import AudioRendition, MultivariantPlaylist, Variant
from qoed.source.ladder import unique_id
from qoed.source.selector import parse_selector

_UNSAFE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Followed:
    """One media playlist to poll."""

    rendition: Rendition
    uri: str = field(repr=False)


def choose(top: MultivariantPlaylist, selector: str) -> list[Followed]:
    """The variants with pictures that `selector` names (without any, those of sound), then their sound.

    Nothing when the selector matches none.
    """
    ladder = pictured(top)
    renditions = [variant.rendition for variant in ladder]
    wanted = {rendition.id for rendition in parse_selector(selector).choose(renditions)}
    chosen = [variant for variant in ladder if variant.rendition.id in wanted]
    separate = {
        group: audio for variant in chosen if (group := variant.audio_group) for audio in _sound(top, group)
    }
    video = [
        Followed(
            replace(
                variant.rendition,
                audio_only=variant.audio_only,
                separate_audio=variant.audio_group in separate,
            ),
            variant.uri,
        )
        for variant in chosen
    ]
    return video + _audio(list(separate.values()), {one.rendition.id for one in video})


def pictured(top: MultivariantPlaylist) -> Sequence[Variant]:
    """The variants that have pictures; if none has, all."""
    return [variant for variant in top.variants if not variant.audio_only] or top.variants


def _sound(top: MultivariantPlaylist, group: str) -> list[AudioRendition]:
    """The rendition of a group that plays by default; none if its sound is in the variants."""
    members = [audio for audio in top.audio if audio.group == group]
    default = [audio for audio in members if audio.default] or members
    return [audio for audio in default[:1] if audio.uri is not None]


def _audio(chosen: Sequence[AudioRendition], taken: set[str]) -> list[Followed]:
    followed: dict[str, Followed] = {}
    for audio in chosen:
        if audio.uri is None or audio.uri in followed:
            continue
        name = _UNSAFE.sub("-", audio.name.lower()).strip("-")[:32] or "main"
        rendition = unique_id(Rendition(id=f"audio-{name}", audio_only=True), taken)
        taken = taken | {rendition.id}
        followed[audio.uri] = Followed(rendition, audio.uri)
    return list(followed.values())
