"""Multivariant playlists: renditions and their names, rendition groups, what is followed."""

from __future__ import annotations

import pytest

import playlists as m3u
from qoed.source.hls.choice import choose
from qoed.source.hls.model import MultivariantPlaylist
from qoed.source.hls.playlist import parse_playlist


def ladder(*lines: str) -> MultivariantPlaylist:
    found = parse_playlist(m3u.playlist(*lines).encode(), "https://o.example/live/index.m3u8")
    assert isinstance(found, MultivariantPlaylist)
    return found


def sound(name: str = "English", group: str = "a", uri: str | None = "en.m3u8", **more: object) -> str:
    attributes: dict[str, object] = {"TYPE": "AUDIO", "GROUP-ID": f'"{group}"', "NAME": f'"{name}"', **more}
    if uri is not None:
        attributes["URI"] = f'"{uri}"'
    return m3u.tag("MEDIA", **attributes)


V = m3u.variant("v.m3u8", 1000, AUDIO='"a"')


def test_renditions_are_named_by_height_and_bandwidth() -> None:
    """Ids read like `720p-2500k`, stay unique, and one playlist listed per audio group is one rendition."""
    found = ladder(
        m3u.variant("hd.m3u8", 2_500_000, "1280x720", AUDIO='"stereo"', FRAME_RATE=25),
        m3u.variant("hd.m3u8", 2_700_000, "1280x720", AUDIO='"surround"'),
        m3u.variant("backup.m3u8", 2_500_000, "1280x720"),
        m3u.variant("bare.m3u8", 800_000),
        m3u.variant("sound.m3u8", 64_000, CODECS='"mp4a.40.2"'),
        m3u.variant("nothing.m3u8", NAME='"x"'),
    )

    assert [v.rendition.id for v in found.variants] == [
        "720p-2500k",
        "720p-2500k-2",
        "800k",
        "audio-64k",
        "variant",
    ]
    top = found.variants[0].rendition
    assert (top.width, top.height, top.bandwidth_bps, top.frame_rate) == (1280, 720, 2_500_000, 25.0)
    assert [v.audio_only for v in found.variants] == [False, False, False, True, False]


def test_variant_tells_its_sound() -> None:
    """The audio group of a variant and what is in it are read; groups of other kinds are no fault."""
    found = ladder(
        m3u.version(6),
        m3u.tag("INDEPENDENT-SEGMENTS"),
        sound(LANGUAGE='"en"', DEFAULT="YES", CHANNELS='"2"'),
        m3u.tag("MEDIA", TYPE="SUBTITLES", GROUP_ID='"s"', NAME='"x"', URI='"s.m3u8"'),
        m3u.tag("MEDIA", TYPE="CLOSED-CAPTIONS", GROUP_ID='"c"', NAME='"x"', INSTREAM_ID='"CC1"'),
        m3u.variant(
            "v.m3u8",
            2000,
            AVERAGE_BANDWIDTH=1500,
            AUDIO='"a"',
            SUBTITLES='"s"',
            CLOSED_CAPTIONS='"c"',
        ),
    )
    (one,) = found.variants

    assert one.audio_group == "a"
    (audio,) = found.audio
    assert (audio.group, audio.default) == ("a", True)
    assert found.problems == ()


CC = {"TYPE": "CLOSED-CAPTIONS", "GROUP_ID": '"c"', "NAME": '"x"'}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((m3u.variant("v.m3u8", None, NAME="x"),), "a variant has no BANDWIDTH"),
        (
            (m3u.variant("v.m3u8", 10, AVERAGE_BANDWIDTH=11),),
            "a variant has an AVERAGE-BANDWIDTH above its BANDWIDTH",
        ),
        (
            (m3u.variant("v.m3u8", 10, AVERAGE_BANDWIDTH="x"),),
            "a variant has an AVERAGE-BANDWIDTH that is no integer",
        ),
        ((m3u.variant("v.m3u8", 10, "wide"),), "a variant has a RESOLUTION that cannot be read"),
        ((V,), "a variant refers to AUDIO group 'a', which no EXT-X-MEDIA makes"),
        (
            (m3u.variant("v.m3u8", 1, CLOSED_CAPTIONS="NONE"), m3u.variant("w.m3u8", 2)),
            "CLOSED-CAPTIONS=NONE stands in some variants and not in all",
        ),
        ((m3u.tag("MEDIA", "?"), m3u.variant("v.m3u8", 1)), "line 2 (#EXT-X-MEDIA) is no attribute list"),
        ((m3u.tag("MEDIA", TYPE="AUDIO", GROUP_ID='"a"'), V), "EXT-X-MEDIA '' has no NAME"),
        (
            (m3u.tag("MEDIA", TYPE="AUDIO", NAME='"x"'), m3u.variant("v", 1)),
            "EXT-X-MEDIA 'x' has no GROUP-ID",
        ),
        (
            (m3u.tag("MEDIA", TYPE="SMELL", GROUP_ID='"a"', NAME='"x"'), m3u.variant("v", 1)),
            "EXT-X-MEDIA 'x' has an unknown TYPE",
        ),
        (
            (sound(DEFAULT="YES", AUTOSELECT="NO"), V),
            "EXT-X-MEDIA 'English' is DEFAULT=YES and not AUTOSELECT=YES",
        ),
        ((sound(FORCED="YES"), V), "EXT-X-MEDIA 'English' has FORCED, which is for TYPE=SUBTITLES"),
        (
            (sound(INSTREAM_ID='"CC1"'), V),
            "EXT-X-MEDIA 'English' has an INSTREAM-ID, which is for TYPE=CLOSED-CAPTIONS",
        ),
        (
            (m3u.tag("MEDIA", TYPE="SUBTITLES", GROUP_ID='"s"', NAME='"x"'), m3u.variant("v", 1)),
            "EXT-X-MEDIA 'x' of TYPE=SUBTITLES has no URI",
        ),
        (
            (m3u.tag("MEDIA", **CC, INSTREAM_ID='"CC1"', URI='"c"'), m3u.variant("v", 1)),
            "EXT-X-MEDIA 'x' of TYPE=CLOSED-CAPTIONS has a URI",
        ),
        (
            (m3u.tag("MEDIA", **CC, INSTREAM_ID='"CC9"'), m3u.variant("v", 1)),
            "EXT-X-MEDIA 'x' of TYPE=CLOSED-CAPTIONS has no INSTREAM-ID of CC1-CC4 or SERVICE1-SERVICE63",
        ),
        ((sound(), sound(), V), "AUDIO group 'a' has two members of one NAME"),
        (
            (sound(DEFAULT="YES"), sound("French", DEFAULT="YES"), V),
            "AUDIO group 'a' has more than one DEFAULT=YES",
        ),
        (
            (sound(), sound(group="b"), sound("French", "b"), V),
            "groups of TYPE=AUDIO have different members",
        ),
    ],
)
def test_rules_of_rendition_groups(lines: tuple[str, ...], problem: str) -> None:
    """A ladder that breaks a rule of its groups is read, with what is wrong in words."""
    found = ladder(*lines)

    assert found.problems == (problem,)
    assert found.variants


def test_many_problems_are_bounded() -> None:
    """A ladder of nothing but mistakes names thirty-two of them."""
    lines = [m3u.tag("MEDIA", TYPE="AUDIO", GROUP_ID=f'"{n}"') for n in range(500)]

    assert len(ladder(*lines, m3u.variant("v", 1)).problems) == 32


# --- what is followed


def followed(selector: str, *lines: str) -> list[tuple[str, str, bool, bool]]:
    """Id, file, audio_only and separate_audio of each playlist that is followed."""
    return [
        (one.rendition.id, one.uri.rsplit("/", 1)[1], one.rendition.audio_only, one.rendition.separate_audio)
        for one in choose(ladder(*lines), selector)
    ]


def test_sound_of_the_chosen_variants_is_followed() -> None:
    """Each chosen variant's group gives its default sound, once for each playlist of it."""
    lines = (
        sound("Deutsch", uri="de.m3u8"),
        sound("English", DEFAULT="YES"),
        sound("English", "b", uri="en.m3u8"),
        sound("English", "c", uri="surround.m3u8"),
        m3u.variant("hd.m3u8", 3000, AUDIO='"a"'),
        m3u.variant("sd.m3u8", 2000, AUDIO='"b"'),
        m3u.variant("ld.m3u8", 1000, AUDIO='"c"'),
    )

    assert followed("all", *lines) == [
        ("3k", "hd.m3u8", False, True),
        ("2k", "sd.m3u8", False, True),
        ("1k", "ld.m3u8", False, True),
        ("audio-english", "en.m3u8", True, False),
        ("audio-english-2", "surround.m3u8", True, False),
    ]
    assert [one[0] for one in followed("1k", *lines)] == ["1k", "audio-english"]


def test_sound_within_the_variants_is_not_followed_again() -> None:
    """A default rendition without a URI is in the variants' own segments."""
    assert followed("all", sound(uri=None, DEFAULT="YES"), sound("French"), V) == [
        ("1k", "v.m3u8", False, False)
    ]


def test_ladder_of_sound_alone_is_followed_as_such() -> None:
    """Where no variant has a picture, those with sound are followed and marked."""
    assert followed("all", m3u.variant("v.m3u8", 64_000, CODECS='"mp4a.40.2"')) == [
        ("audio-64k", "v.m3u8", True, False)
    ]


def test_name_of_sound_is_safe_in_keys() -> None:
    """Whatever a rendition is called, its id is lower-case letters, digits and hyphens."""
    (_, (name, *_)) = followed("all", sound("Français / 5.1: *"), V)

    assert name == "audio-fran-ais-5-1"
