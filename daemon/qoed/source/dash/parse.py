"""From MPD bytes to values: periods computed, attributes inherited, BaseURLs resolved (5.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from qoed.source.dash.document import (
    MAX_ID_CHARS,
    MAX_SECONDS,
    MAX_TEXT_CHARS,
    child,
    children,
    instant,
    integer,
    local,
    number,
    read_document,
    seconds,
    shown,
    text,
)
from qoed.source.dash.events import events_of
from qoed.source.dash.mpd import (
    AdaptationSet,
    AnyAddressing,
    Mpd,
    MpdError,
    Period,
    Representation,
    SegmentBase,
    SegmentList,
    SegmentTemplate,
    UtcTiming,
)
from qoed.source.dash.segment_info import addressing_of, naming
from qoed.source.sniff import Container
from qoed.source.uris import Uris
from qoed.source.url import redact

MAX_PERIODS = 250
MAX_REPRESENTATIONS = 500
_MAX_BASES = 4
_MAX_PIXELS_SIDE = 1 << 16
_HREF = "{http://www.w3.org/1999/xlink}href"
_RESOLVES_TO_ZERO = "urn:mpeg:dash:resolve-to-zero:2013"
_CONTINUES = ("urn:mpeg:dash:period-continuity:2015", "urn:mpeg:dash:period-connectivity:2015")
_TRICK_MODE = "http://dashif.org/guidelines/trickmode"
_CONTAINERS: Mapping[str, Container] = {"mp4": "mp4", "webm": "matroska", "mp2t": "mpegts"}
_RATE = re.compile(r"(\d{1,9})(?:/(\d{1,9}))?|(\d{1,6}\.\d{1,6})")
_DRM = {
    "urn:mpeg:dash:mp4protection:2011": "",
    "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed": "Widevine",
    "urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95": "PlayReady",
    "urn:uuid:94ce86fb-07ff-4f43-adb8-93d2fa968ca2": "FairPlay",
    "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e": "ClearKey",
    "urn:uuid:1077efec-c0b2-4d02-ace3-3c1e52e2fb4b": "ClearKey",
}


def parse_mpd(body: bytes, url: str) -> Mpd:
    """Parse one MPD that was fetched from `url`. Raises `MpdError`."""
    try:
        root = read_document(body)
        if local(root) != "MPD":
            raise ValueError(f"its root element is {shown(local(root))}, not MPD")
        return _Reader(root, url).mpd()
    except (ValueError, OverflowError) as error:
        raise MpdError(f"MPD invalid, {error}: {redact(url)}") from error


@dataclass(frozen=True, slots=True)
class _Level:
    """What an element passes on: attributes, BaseURLs, and the elements that name segments."""

    bases: tuple[str, ...]
    early_s: float
    naming: tuple[Element, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    def inner(self, element: Element) -> _Level:
        """The level of a child element. Raises `ValueError`."""
        bases, early_s = self.bases, self.early_s
        found = [each for each in children(element, "BaseURL") if (each.text or "").strip()][:_MAX_BASES]
        if found:
            early_s += number(found[0].attrib, "availabilityTimeOffset") or 0.0
            texts = [(each.text or "").strip() for each in found]
            if max(map(len, texts)) > MAX_TEXT_CHARS:
                raise ValueError(f"BaseURL is longer than {MAX_TEXT_CHARS} characters")
            resolved = [Uris(base).resolve(text) for text in texts for base in bases]
            bases = tuple(dict.fromkeys(resolved))[:_MAX_BASES]
        return _Level(bases, early_s, naming(element, self.naming), {**self.attributes, **element.attrib})


class _Reader:
    def __init__(self, root: Element, url: str) -> None:
        self._root = root
        self._url = url
        self._left = MAX_REPRESENTATIONS
        self._addressings: dict[tuple[float, ...], AnyAddressing] = {}
        self._known_uris: dict[str, Uris] = {}

    def mpd(self) -> Mpd:
        root = self._root
        kind = root.attrib.get("type", "static")
        if kind not in ("static", "dynamic"):
            raise ValueError(f"@type={shown(kind)} is neither static nor dynamic")
        dynamic = kind == "dynamic"
        available = instant(root.attrib, "availabilityStartTime")
        if dynamic and available is None:
            raise ValueError("it is dynamic and has no @availabilityStartTime")
        duration = seconds(root.attrib, "mediaPresentationDuration")
        level = _Level((self._url,), 0.0).inner(root)
        periods = self._periods(_Level(level.bases, level.early_s), duration, dynamic)
        location = child(root, "Location")
        where = "" if location is None else (location.text or "").strip()
        return Mpd(
            url=self._url,
            dynamic=dynamic,
            periods=periods,
            available_s=available or 0.0,
            published_s=instant(root.attrib, "publishTime"),
            duration_s=duration,
            update_s=seconds(root.attrib, "minimumUpdatePeriod"),
            buffer_s=seconds(root.attrib, "timeShiftBufferDepth"),
            delay_s=seconds(root.attrib, "suggestedPresentationDelay"),
            min_buffer_s=seconds(root.attrib, "minBufferTime") or 0.0,
            location=Uris(self._url).resolve(where) if where else None,
            timings=tuple(
                UtcTiming(scheme=scheme, value=text(each.attrib, "value") or "")
                for each in children(root, "UTCTiming")
                if (scheme := text(each.attrib, "schemeIdUri")) is not None
            )[:8],
        )

    def _periods(self, level: _Level, total_s: float | None, dynamic: bool) -> tuple[Period, ...]:
        elements = [each for each in children(self._root, "Period") if _present(each)]
        if not elements:
            raise ValueError("it has no Period")
        if len(elements) > MAX_PERIODS:
            raise ValueError(f"it has more than {MAX_PERIODS} Periods")
        places = _places(elements, total_s, dynamic)
        periods = []
        for at, (element, place) in enumerate(zip(elements, places, strict=True), 1):
            if place is None:  # announced early (5.3.2.1): not known yet when it starts
                continue
            start_s, duration_s, departs_s = place
            try:
                periods.append(self._period(element, level, start_s, duration_s, departs_s))
            except ValueError as error:
                raise ValueError(f"Period {at}: {error}") from error
        if not dynamic and periods and periods[-1].duration_s is None and not _whole_files(periods[-1]):
            raise ValueError("it is static and does not say how long it is")
        return tuple(periods)

    def _period(
        self, element: Element, outer: _Level, start_s: float, duration_s: float | None, departs_s: float
    ) -> Period:
        level = outer.inner(element)
        level = _Level(level.bases, level.early_s, level.naming)
        sets = []
        for each in children(element, "AdaptationSet"):
            if not _present(each):
                continue
            if (found := self._set(each, level, duration_s)) is not None:
                sets.append(found)
        return Period(
            id=text(element.attrib, "id", longest=MAX_ID_CHARS) or f"{start_s:g}",
            start_s=start_s,
            duration_s=duration_s,
            sets=tuple(sets),
            events=events_of(element),
            departs_s=departs_s,
        )

    def _set(self, element: Element, outer: _Level, duration_s: float | None) -> AdaptationSet | None:
        if _scheme(element, "EssentialProperty", _TRICK_MODE) or _scheme(
            element, "SupplementalProperty", _TRICK_MODE
        ):
            return None
        level = outer.inner(element)
        inner = [each for each in children(element, "Representation") if _present(each)]
        kind = _kind(element, level, inner)
        if kind not in ("video", "audio"):
            return None
        protection = _protection(element)
        self._left -= len(inner)
        if self._left < 0:
            raise ValueError(f"it has more than {MAX_REPRESENTATIONS} Representations")
        return AdaptationSet(
            kind=kind,
            representations=tuple(
                self._representation(each, level, duration_s, protection) for each in inner
            ),
            main=any(each.attrib.get("value") == "main" for each in children(element, "Role")),
            continues=any(_scheme(element, "SupplementalProperty", each) for each in _CONTINUES),
            aligned=element.attrib.get("segmentAlignment", "false") not in ("false", "0"),
        )

    def _representation(
        self, element: Element, outer: _Level, duration_s: float | None, protection: str | None
    ) -> Representation:
        name = ""
        try:
            name = text(element.attrib, "id", longest=MAX_ID_CHARS) or ""
            level = outer.inner(element)
            attributes = level.attributes
            mime = attributes.get("mimeType", "")
            representation = Representation(
                id=name,
                bandwidth_bps=integer(element.attrib, "bandwidth") or None,
                width=_side(attributes, "width"),
                height=_side(attributes, "height"),
                frame_rate=_rate(attributes.get("frameRate")),
                codecs=text(attributes, "codecs"),
                container=_CONTAINERS.get(mime.partition(";")[0].strip().lower().rpartition("/")[2]),
                addressing=self._addressing(level, duration_s),
                bases=level.bases,
                protection=_protection(element) or protection,
            )
            self._check_urls(representation)
        except ValueError as error:
            raise ValueError(f"Representation {shown(name)}: {error}") from error
        return representation

    def _addressing(self, level: _Level, duration_s: float | None) -> AnyAddressing:
        """One value for all Representations that add nothing of their own to what the AdaptationSet says."""
        key = (*map(id, level.naming), level.early_s)
        if key not in self._addressings:
            self._addressings[key] = addressing_of(level.naming, duration_s, level.early_s)
        return self._addressings[key]

    def _check_urls(self, found: Representation) -> None:
        """One URL of each kind stands for all. Raises `ValueError` for what is not fetched."""
        how = found.addressing
        references = [None if how.init is None else how.init.url]
        if isinstance(how, SegmentTemplate):
            bandwidth = found.bandwidth_bps or 0
            patterns = [each for each in (how.media, how.init_pattern) if each is not None]
            references += [each.fill(found.id, bandwidth, how.start_number, 0) for each in patterns]
        elif isinstance(how, SegmentList):
            references.append(how.urls[0].url)
        for reference in references:
            if reference is not None:
                self._uris(found.bases[0]).resolve(reference)

    def _uris(self, base: str) -> Uris:
        if base not in self._known_uris:
            self._known_uris[base] = Uris(base)
        return self._known_uris[base]


def _places(
    elements: list[Element], total_s: float | None, dynamic: bool
) -> list[tuple[float, float | None, float] | None]:
    """(start, duration, departure from the end of the one before) of each Period (5.3.2.1)."""
    starts: list[float | None] = []
    departures: list[float] = []
    end: float | None = 0.0  # the first of a dynamic MPD needs @start; those without it mean 0
    for element in elements:
        said, length = seconds(element.attrib, "start"), seconds(element.attrib, "duration")
        departures.append(said - end if said is not None and end is not None and starts else 0.0)
        start = end if said is None else said
        starts.append(start)
        end = None if start is None or length is None else start + length
    places: list[tuple[float, float | None, float] | None] = []
    for at, (element, start) in enumerate(zip(elements, starts, strict=True)):
        if start is None:
            if not dynamic:
                raise ValueError(f"Period {at + 1}: it has no @start, and the one before it no @duration")
            places.append(None)
            continue
        following = starts[at + 1] if at + 1 < len(starts) else total_s
        length = seconds(element.attrib, "duration")
        if following is not None and at + 1 < len(starts):
            # The next Period's start is what ends this one, whatever @duration says.
            if following < start:
                raise ValueError(f"Period {at + 2}: it starts before the one before it")
            length = following - start
        elif length is None and following is not None:
            length = max(following - start, 0.0)
        if start + (length or 0.0) > MAX_SECONDS:
            raise ValueError(f"Period {at + 1}: it ends out of range")
        places.append((start, length, departures[at]))
    return places


def _present(element: Element) -> bool:
    """False for an element that resolves to nothing. Raises `ValueError` for a remote one (xlink)."""
    href = element.attrib.get(_HREF)
    if href is None:
        return True
    if href.strip() == _RESOLVES_TO_ZERO:
        return False
    raise ValueError(f"{local(element)} is remote (xlink:href), which is not fetched")


def _kind(element: Element, level: _Level, representations: list[Element]) -> str:
    """Content type of an AdaptationSet: said, or by the MIME type, or by what its Representations are."""
    inner = representations[0].attrib if representations else {}
    said = level.attributes.get("contentType") or level.attributes.get("mimeType") or inner.get("mimeType")
    if not said:
        component = child(element, "ContentComponent")
        said = "" if component is None else component.attrib.get("contentType", "")
    kind = said.partition("/")[0].strip().lower()
    if kind in ("", "application"):
        return "video" if "height" in level.attributes or "height" in inner else "other"
    return kind


def _scheme(element: Element, name: str, scheme: str) -> bool:
    return any(each.attrib.get("schemeIdUri") == scheme for each in children(element, name))


def _protection(element: Element) -> str | None:
    """Names of the DRM systems that encrypt it; None: it is clear."""
    found = [
        each.attrib.get("schemeIdUri", "").strip().lower() for each in children(element, "ContentProtection")
    ]
    if not found:
        return None
    names = dict.fromkeys(name for scheme in found if (name := _DRM.get(scheme, "another system")))
    return ", ".join(names) or "common encryption"


def _whole_files(period: Period) -> bool:
    """True when every Representation is one file, which says by itself how long it is."""
    return all(
        isinstance(representation.addressing, SegmentBase)
        for each in period.sets
        for representation in each.representations
    )


def _side(attributes: Mapping[str, str], name: str) -> int | None:
    value = integer(attributes, name)
    if value is not None and value > _MAX_PIXELS_SIDE:
        raise ValueError(f"@{name}={value} is out of range")
    return value or None


def _rate(text: str | None) -> float | None:
    """`30` or `30000/1001`; what cannot be read is not known."""
    match = _RATE.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    rate = float(match[3]) if match[3] else int(match[1]) / max(int(match[2] or 1), 1)
    return rate or None
