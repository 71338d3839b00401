"""The catalogue of checks and docs/checks.md, which is made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qoed.checks import CATALOGUE, Check, CheckSettings
from qoed.checks.table import default_text, document, peers_of
from qoed.model import Finding, Phase, Reason, Severity

DOCUMENT = Path(__file__).parent.parent / "docs" / "checks.md"

OSCNORD = [
    "ManifestRetrieval",
    "MediaSequence",
    "PlaylistSize",
    "PlaylistContent",
    "SegmentContinuity",
    "DiscontinuitySequence",
    "StaleManifest",
    "Scte35Violation",
    "TargetDurationExceeded",
    "GapDetected",
    "MediaSequenceGap",
    "VariantSyncDrift",
    "VariantUnavailable",
    "PlaylistTypeViolation",
    "ProgramDateTimeJump",
    "SegmentDurationAnomaly",
    "VersionViolation",
    "DateRangeViolation",
    "TargetDurationChange",
    "MinPlaylistDuration",
    "EndlistViolation",
    "VariantTargetDurationInconsistency",
    "VariantPlaylistTypeInconsistency",
    "VariantDiscontinuityInconsistency",
    "VersionCompatibility",
    "EncryptionViolation",
    "RenditionGroupViolation",
]
EYEVINN = [
    "manifest retrieval",
    "media sequence",
    "playlist size",
    "playlist content",
    "segment continuity",
    "discontinuity sequence",
    "stale manifest",
]


def test_document_is_what_the_code_says() -> None:
    """docs/checks.md is up to date: `python -m qoed.checks.table > docs/checks.md` makes it."""
    assert DOCUMENT.read_text() == document()


@pytest.mark.parametrize("reason", Reason)
def test_each_finding_has_its_row(reason: Reason) -> None:
    """Every finding that qoed can make has one row, with what is wrong and who asks for it."""
    rows = [line for line in document().splitlines() if line.startswith(f"| `{reason}` |")]

    assert len(rows) == 1
    assert CATALOGUE[reason].tells in rows[0]
    assert CATALOGUE[reason].source in rows[0]


@pytest.mark.parametrize(("reason", "check"), CATALOGUE.items())
def test_limits_are_explained(reason: Reason, check: Check) -> None:
    """A limit comes with its unit and with what it limits, and without one there is neither."""
    said = bool(check.unit), bool(check.limit_is)

    assert said == ((True, True) if check.limit is not None else (False, False))
    assert not check.tells.endswith(".")


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (Check(tells="", severity=Severity.INFO, clears=None, cause=None), "–"),
        (Check(tells="", severity=Severity.INFO, clears=None, cause=None, on=False), "off; –"),
        (
            Check(
                tells="",
                severity=Severity.INFO,
                clears=None,
                cause=None,
                limit=2.0,
                unit="s",
                limit_is="most",
            ),
            "2 s: most",
        ),
    ],
)
def test_default_is_readable(check: Check, text: str) -> None:
    """The default says whether the check is on, its limit, unit and meaning."""
    assert default_text(check) == text


def test_every_check_of_the_other_monitors_is_ours_too() -> None:
    """Each named check of oscnord/hls-monitor and Eyevinn/hls-monitor is done by exactly one of ours."""
    theirs = [peer for check in CATALOGUE.values() for peer in peers_of(check)]
    expected = [("oscnord", name) for name in OSCNORD] + [("Eyevinn", name) for name in EYEVINN]

    assert sorted(theirs) == sorted(expected)
    assert "| oscnord | Scte35Violation | `cue_unpaired` |" in document()


def test_settings_change_limits_and_turn_checks_off() -> None:
    """A stream's settings give another limit or turn a check off; what has begun may end all the same."""
    settings = CheckSettings({Reason.VARIANT_DRIFT: 5.0, Reason.PLAYLIST_SLOW: False})
    slow = Finding(
        stream="tv", rendition="hd", reason=Reason.PLAYLIST_SLOW, severity=Severity.WARNING, phase=Phase.START
    )
    over = Finding(
        stream="tv", rendition="hd", reason=Reason.PLAYLIST_SLOW, severity=Severity.WARNING, phase=Phase.END
    )

    assert (settings.limit(Reason.VARIANT_DRIFT), settings.limit(Reason.PLAYLIST_SLOW)) == (5.0, 0.5)
    assert (settings.on(Reason.VARIANT_DRIFT), settings.on(Reason.PLAYLIST_SLOW)) == (True, False)
    assert (settings.wanted(slow), settings.wanted(over)) == (False, True)
    with pytest.raises(KeyError, match="check playlist_invalid has no limit"):
        settings.limit(Reason.PLAYLIST_INVALID)
