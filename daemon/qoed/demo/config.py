"""The configuration under which the demo runs the daemon: an ordinary one, made of ordinary rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOW_QUALITY_BELOW = 40.0
"""Mean score of ten seconds of the top rung below which `low_quality` fires on the demo's own pictures."""
CLEAR_ABOVE = 5.0
"""The alert clears so much above the level that triggers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig:
    """What differs from run to run. `low_quality` None: the level for the demo's own pictures."""

    urls: Mapping[str, str]
    redis_url: str
    low_quality: float | None = None
    weights: Path | None = None
    """Manifest of other weights; None: those shipped with qoed."""

    @property
    def below(self) -> float:
        """The level at which `low_quality` fires."""
        return LOW_QUALITY_BELOW if self.low_quality is None else self.low_quality


_TEMPLATE = """\
# Written by `qoed demo`. An ordinary configuration: `qoed run -c` takes it as it is.
redis:
  url: {redis_url}
{engine}
defaults:
  display_height: 720  # the screen is as tall as the top rung
  start_segments: 2    # join close to the live edge: no burst of old segments at the start
  freeze:
    noise: 0.01        # live encoders pulse at each key frame: -40 dB still counts as no change
    duration: 2s
  rules:
    # The top rung is judged by its score; the lower rungs are what they are.
    - name: low_quality
      severity: critical
      metric: score.mean
      window: 10s
      below: {below:g}
      clear: {clear:g}
      for: 0s
      keep_firing_for: 1s
      renditions: "720p-*"
    # Single bad segments: forget them after ten seconds, so that the demo can show the alert resolved.
    - {{name: segment_missing, window: 10s}}
    - {{name: damage, window: 10s}}
    - {{name: undecodable, window: 10s}}

streams:
{streams}
"""


def render_config(demo: DemoConfig) -> str:
    """YAML for `qoed run`: both streams, all renditions, thresholds that suit the demo."""
    streams = "\n".join(f"  - {{name: {name}, url: {json.dumps(url)}}}" for name, url in demo.urls.items())
    return _TEMPLATE.format(
        engine=f"\nengine:\n  weights: {json.dumps(str(demo.weights.resolve()))}\n" if demo.weights else "",
        redis_url=json.dumps(demo.redis_url),
        below=demo.below,
        clear=min(100.0, demo.below + CLEAR_ABOVE),
        streams=streams,
    )
