"""Rules of EXT-X-MEDIA, rendition groups and the variants that use them (RFC 8216bis 4.4.6.1, 4.4.6.2)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TYPES = ("AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS")
_INSTREAM = re.compile(r"CC[1-4]|SERVICE(?:[1-9]|[1-5][0-9]|6[0-3])")


@dataclass(frozen=True, slots=True)
class Media:
    """The attributes of one EXT-X-MEDIA."""

    attributes: Mapping[str, str]

    @property
    def type(self) -> str:
        """TYPE, or nothing."""
        return self.attributes.get("TYPE", "")

    @property
    def group(self) -> str:
        """GROUP-ID, or nothing."""
        return self.attributes.get("GROUP-ID", "")

    @property
    def name(self) -> str:
        """NAME, or nothing."""
        return self.attributes.get("NAME", "")

    def says(self, attribute: str, value: str = "YES") -> bool:
        """Whether an attribute has the value."""
        return self.attributes.get(attribute) == value


def media_rules(listed: Sequence[Media]) -> list[str]:
    """Rules that EXT-X-MEDIA tags break, alone and as groups, in words."""
    problems: list[str] = []
    groups: dict[str, dict[str, list[Media]]] = defaultdict(lambda: defaultdict(list))
    for media in listed:
        problems += _alone(media)
        groups[media.type][media.group].append(media)
    for kind, by_id in groups.items():
        for group, members in by_id.items():
            problems += _group(f"{kind or 'untyped'} group {group!r}", members)
        names = [frozenset(member.name for member in members) for members in by_id.values()]
        if len(set(names)) > 1:
            problems.append(f"groups of TYPE={kind} have different members")
    return problems


def variant_rules(infos: Sequence[Mapping[str, str]], listed: Iterable[Media]) -> list[str]:
    """Rules that EXT-X-STREAM-INF tags break, in words."""
    groups = {(media.type, media.group) for media in listed}
    problems = []
    if any("BANDWIDTH" not in info for info in infos):
        problems.append("a variant has no BANDWIDTH")
    for info in infos:
        average = info.get("AVERAGE-BANDWIDTH", "0")
        if not average.isdecimal() or len(average) > 19:
            problems.append("a variant has an AVERAGE-BANDWIDTH that is no integer")
        elif int(average) > int(info.get("BANDWIDTH", average)):
            problems.append("a variant has an AVERAGE-BANDWIDTH above its BANDWIDTH")
        for kind in TYPES:
            group = info.get(kind)
            if group is None or (kind == "CLOSED-CAPTIONS" and group == "NONE"):
                continue
            if (kind, group) not in groups:
                problems.append(
                    f"a variant refers to {kind} group {group[:40]!r}, which no EXT-X-MEDIA makes"
                )
    captions = [info.get("CLOSED-CAPTIONS") for info in infos]
    if "NONE" in captions and any(value != "NONE" for value in captions):
        problems.append("CLOSED-CAPTIONS=NONE stands in some variants and not in all")
    return list(dict.fromkeys(problems))


def _alone(media: Media) -> list[str]:
    who = f"EXT-X-MEDIA {media.name[:40]!r}"
    given = media.attributes
    problems = [f"{who} has no {name}" for name in ("TYPE", "GROUP-ID", "NAME") if not given.get(name)]
    if media.type and media.type not in TYPES:
        problems.append(f"{who} has an unknown TYPE")
    if media.type == "SUBTITLES" and not given.get("URI"):
        problems.append(f"{who} of TYPE=SUBTITLES has no URI")
    if media.type == "CLOSED-CAPTIONS":
        if "URI" in given:
            problems.append(f"{who} of TYPE=CLOSED-CAPTIONS has a URI")
        if not _INSTREAM.fullmatch(given.get("INSTREAM-ID", "")):
            problems.append(
                f"{who} of TYPE=CLOSED-CAPTIONS has no INSTREAM-ID of CC1-CC4 or SERVICE1-SERVICE63"
            )
    elif "INSTREAM-ID" in given:
        problems.append(f"{who} has an INSTREAM-ID, which is for TYPE=CLOSED-CAPTIONS")
    if media.says("DEFAULT") and given.get("AUTOSELECT", "YES") != "YES":
        problems.append(f"{who} is DEFAULT=YES and not AUTOSELECT=YES")
    if "FORCED" in given and media.type != "SUBTITLES":
        problems.append(f"{who} has FORCED, which is for TYPE=SUBTITLES")
    return problems


def _group(who: str, members: Sequence[Media]) -> list[str]:
    problems = []
    if len({member.name for member in members}) < len(members):
        problems.append(f"{who} has two members of one NAME")
    if sum(member.says("DEFAULT") for member in members) > 1:
        problems.append(f"{who} has more than one DEFAULT=YES")
    return problems
