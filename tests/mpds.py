"""Builders of MPDs, named after their elements: what a test says about an MPD reads like one.

mpd(period(video(template(), rung("720", 2_500_000, "1280x720"))), mediaPresentationDuration="PT10S")
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
SCTE35_XML = "urn:scte:scte35:2013:xml"
SCTE35_BINARY = "urn:scte:scte35:2014:xml+bin"


def tag(name: str, *inner: str, **attributes: object) -> str:
    """One element; attributes of None are left out, a trailing _ of a name too."""
    said = "".join(
        f" {key.rstrip('_')}={quoteattr(str(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{said}>{''.join(inner)}</{name}>" if inner else f"<{name}{said}/>"


def mpd(*inner: str, **attributes: object) -> str:
    """A static MPD; attributes as in the standard."""
    said = {"xmlns": NAMESPACE, "profiles": "urn:mpeg:dash:profile:isoff-live:2011", "type": "static"}
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tag("MPD", *inner, **(said | attributes))


def live_mpd(*inner: str, **attributes: object) -> str:
    """A dynamic MPD that began in 1970 and is to be asked for every two seconds."""
    said = {
        "type": "dynamic",
        "availabilityStartTime": "1970-01-01T00:00:00Z",
        "minimumUpdatePeriod": "PT2S",
        "timeShiftBufferDepth": "PT60S",
    }
    return mpd(*inner, **(said | attributes))


def period(*inner: str, **attributes: object) -> str:
    """A Period."""
    return tag("Period", *inner, **attributes)


def video(*inner: str, **attributes: object) -> str:
    """An AdaptationSet of video in fMP4."""
    said = {"contentType": "video", "mimeType": "video/mp4", "segmentAlignment": "true"}
    return tag("AdaptationSet", *inner, **(said | attributes))


def audio(*inner: str, **attributes: object) -> str:
    """An AdaptationSet of sound in fMP4."""
    said = {"contentType": "audio", "mimeType": "audio/mp4", "lang": "en"}
    return tag("AdaptationSet", *inner, **(said | attributes))


def rung(
    name: str, bandwidth: int | None = 2_500_000, size: str = "1280x720", *inner: str, **more: object
) -> str:
    """A Representation of video."""
    width, _, height = size.partition("x")
    said = {"id": name, "bandwidth": bandwidth, "width": width or None, "height": height or None}
    return tag("Representation", *inner, **(said | {"codecs": "avc1.64001f"} | more))


def sound(name: str = "a", bandwidth: int = 128_000, *inner: str, **more: object) -> str:
    """A Representation of sound."""
    return tag("Representation", *inner, id=name, bandwidth=bandwidth, **({"codecs": "mp4a.40.2"} | more))


def template(*inner: str, **attributes: object) -> str:
    """A SegmentTemplate with `$Number$` names; without `inner` of two seconds a segment."""
    said: dict[str, object] = {
        "media": "$RepresentationID$/$Number$.m4s",
        "initialization": "$RepresentationID$/init.mp4",
        "timescale": 1000,
        "startNumber": 1,
    }
    if not inner:
        said["duration"] = 2000
    return tag("SegmentTemplate", *inner, **(said | attributes))


def timeline(*entries: str) -> str:
    """A SegmentTimeline."""
    return tag("SegmentTimeline", *entries)


def s(d: object, t: object = None, r: object = None) -> str:
    """One S."""
    return tag("S", t=t, d=d, r=r)


def base(url: str, **attributes: object) -> str:
    """A BaseURL."""
    return tag("BaseURL", escape(url), **attributes)


def utc_timing(kind: str, value: str) -> str:
    """A UTCTiming of a kind such as `http-iso`."""
    return tag("UTCTiming", schemeIdUri=f"urn:mpeg:dash:utc:{kind}:2014", value=value)


def events(*inner: str, scheme: str = SCTE35_BINARY, timescale: int = 1000) -> str:
    """An EventStream."""
    return tag("EventStream", *inner, schemeIdUri=scheme, timescale=timescale)


def when(epoch_s: float) -> str:
    """xs:dateTime of seconds since 1970."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat().replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """xs:duration of seconds."""
    return f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S"
