"""Trained networks from disk."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError

from qoed_training.checkpoint import load_weights
from qoed_training.data.corpus import CorpusError
from qoed_training.network.model import NetworkConfig, QualityNetwork


def read_network(path: Path, config: NetworkConfig) -> QualityNetwork:
    """A network of a known size with the weights of a safetensors file. Raises `CorpusError`."""
    network = QualityNetwork(config)
    try:
        load_weights(path, network)
    except FileNotFoundError as error:
        raise CorpusError(f"{path} is missing: train it first, or give the right path") from error
    except (RuntimeError, SafetensorError) as error:
        raise CorpusError(
            f"{path} does not hold the weights of {config.name} as this version builds it: "
            "give weights of that size, or train them again"
        ) from error
    return network
