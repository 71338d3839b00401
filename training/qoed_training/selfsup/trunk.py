"""What pretraining hands on: the trunk's weights, under their names in `QualityNetwork`."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from qoed_training.checkpoint import save_weights
from qoed_training.data.corpus import CorpusError
from qoed_training.network.model import QualityNetwork

TRUNK = ("backbone.", "fragments.", "view.", "kind")
"""What `QualityNetwork.features` computes with; neck and heads are not pretrained."""


def save_trunk(path: Path, network: QualityNetwork) -> None:
    """Write the trunk's weights alone, atomically."""
    save_weights(
        path, {name: value for name, value in network.state_dict().items() if name.startswith(TRUNK)}
    )


def load_trunk(path: Path, network: QualityNetwork) -> None:
    """Copy pretrained weights into `network`; its heads stay as they are.

    Raises `CorpusError` when there are none, or they are of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (FileNotFoundError, SafetensorError) as error:
        raise CorpusError(f"{path} holds no pretrained weights ({error}): run qoed-train pretrain") from error
    own = network.state_dict()
    wanted = {name: own[name].shape for name in own if name.startswith(TRUNK)}
    if {name: value.shape for name, value in found.items()} != wanted:
        raise CorpusError(
            f"{path} was pretrained for another network than {network.config.name}: "
            "pretrain again with this one"
        )
    network.load_state_dict(own | found)
