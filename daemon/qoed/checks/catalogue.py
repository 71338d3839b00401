"""All checks, in the order of `Reason`. Each module describes one domain's."""

from __future__ import annotations

from collections.abc import Mapping

from qoed.checks import dash, decoded, hls, media, probe, transfer, transport
from qoed.checks.check import Check
from qoed.reason import Reason

_KNOWN: dict[Reason, Check] = {
    **transfer.CHECKS,
    **hls.CHECKS,
    **dash.CHECKS,
    **media.CHECKS,
    **transport.CHECKS,
    **decoded.CHECKS,
    **probe.CHECKS,
}

CATALOGUE: Mapping[Reason, Check] = {reason: _KNOWN[reason] for reason in Reason}
