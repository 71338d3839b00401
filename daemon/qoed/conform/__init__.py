"""Media checks: declared against measured, timestamps, key frames, sound. Pure, fed with decode results."""

from qoed.conform.conform import Conform

__all__ = ["Conform"]
