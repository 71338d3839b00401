"""MPEG transport streams: their packets, and what ETSI TR 101 290 calls first priority. No clock, no IO."""

from qoed.ts.analyser import Analyser, analyse
from qoed.ts.report import LASTING, Fault, Limits, Report

__all__ = ["LASTING", "Analyser", "Fault", "Limits", "Report", "analyse"]
