"""Adaptive depth: who is looked at how closely, by suspicion and within a budget of CPU time."""

from qoed.depth.control import DepthControl
from qoed.depth.sampling import Sampling
from qoed.depth.suspicion import Urgency

__all__ = ["DepthControl", "Sampling", "Urgency"]
