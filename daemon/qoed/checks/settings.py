"""`checks:` of one stream: limits that differ from the defaults, and what is turned off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qoed.checks.catalogue import CATALOGUE
from qoed.model import Finding, Phase
from qoed.reason import Reason


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """`overrides`: a check's new limit, or False for off, True for on."""

    overrides: Mapping[Reason, float | bool] = field(default_factory=dict)

    def on(self, reason: Reason) -> bool:
        """Whether findings of `reason` are wanted."""
        override = self.overrides.get(reason)
        return CATALOGUE[reason].on if override is None else override is not False

    def limit(self, reason: Reason) -> float:
        """The limit in force. Raises `KeyError` for a check that has none."""
        override = self.overrides.get(reason)
        if override is not None and not isinstance(override, bool):
            return override
        limit = CATALOGUE[reason].limit
        if limit is None:
            raise KeyError(f"check {reason} has no limit")
        return limit

    def wanted(self, finding: Finding) -> bool:
        """Whether to pass `finding` on; what has begun may always end."""
        return finding.phase is Phase.END or self.on(finding.reason)


DEFAULT = CheckSettings()
