"""qoed: streaming-video QoE monitoring daemon."""

__version__ = "0.1.0"
