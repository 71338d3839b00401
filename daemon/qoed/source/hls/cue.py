"""Ad markers that packagers write beside the standard: EXT-X-CUE-OUT, -CONT, -IN and their kin."""

from __future__ import annotations

from collections.abc import Mapping

from qoed.source.hls.attributes import number, parse_attributes


def cue_out_s(text: str) -> float:
    """Announced seconds of a break: `30`, `30.5`, `DURATION=30`, `ID=7,DURATION="30"`; 0.0 if not said.

    Raises `ValueError`.
    """
    text = text.strip()
    if "=" in text:
        named = {name.upper(): value for name, value in parse_attributes(text).items()}
        text = named.get("DURATION", "")
    value = number(text) if text else 0.0
    if value < 0:
        raise ValueError("has a negative duration")
    return value


def scte35_marks(attributes: Mapping[str, str]) -> dict[str, object]:
    """Fields of `MediaSegment` that an EXT-X-SCTE35 sets by CUE-OUT and CUE-IN. Raises `ValueError`."""
    if attributes.get("CUE-IN") == "YES":
        return {"cue_in": True}
    match attributes.get("CUE-OUT"):
        case "YES":
            return {"cue_out_s": cue_out_s(attributes.get("DURATION", ""))}
        case "CONT":
            return {"cue_continues": True}
    return {}
