"""The catalogue of checks: what every finding means, its limit, and when it is over."""

from qoed.checks.catalogue import CATALOGUE
from qoed.checks.check import Check
from qoed.checks.settings import DEFAULT, CheckSettings

__all__ = ["CATALOGUE", "DEFAULT", "Check", "CheckSettings"]
