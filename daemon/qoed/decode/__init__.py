"""Decoding: segments in, clips, findings and measures out, in child processes that may die.

The worker imports this package too: only what is cheap and free of the daemon's own parts belongs here.
"""

from qoed.decode.options import DecodeOptions, Depth

__all__ = ["DecodeOptions", "Depth"]
