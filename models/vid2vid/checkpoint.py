"""Checkpoints: weights with the configuration that made them."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from .config import TrainConfig, from_dict
from .data.batches import nearest_portrait
from .networks.lite import Lite, Past, Person

FORMAT = 1


def save(path: Path, config: TrainConfig, state: dict) -> None:
    """Written beside and renamed, so that an interrupted run leaves the one before whole."""
    beside = Path(path).with_suffix(".part")
    torch.save({"format": FORMAT, "config": asdict(config), **state}, beside)
    os.replace(beside, path)


def read(path: Path) -> tuple[TrainConfig, dict]:
    """Raises ValueError when the file is of another format."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state.get("format") != FORMAT:
        raise ValueError(f"{path} is no checkpoint of format {FORMAT}")
    return from_dict(TrainConfig, state["config"]), state


def fill(network: nn.Module, weights: dict[str, Tensor], *, anew: bool = False) -> list[str]:
    """Loads a state; with `anew` only those tensors that have the same name and shape, and gives the names of the others.

    Raises ValueError when it is another network's and not `anew`.
    """
    own = network.state_dict()
    fit = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    missing = sorted(set(own) - set(fit))
    if not anew and (missing or len(fit) < len(weights)):
        raise ValueError(
            f"these weights are another network's: {', '.join(missing) or 'more than this one has'}; train on from them with --start"
        )
    network.load_state_dict(fit, strict=False)
    return missing


class Animatable(nn.Module):
    """A trained network, for those who only want frames."""

    def __init__(self, network: Lite):
        super().__init__()
        self.network = network.eval()

    def enrol(self, portraits: Tensor, landmarks: Tensor, plate: Tensor) -> Person:
        """portraits [B, K, 3, S, S] 0..1, landmarks [B, K, 478, 3] picture widths, plate [B, 3, S, S]: see Lite.enrol."""
        return self.network.enrol(portraits, landmarks, plate)

    def frame(
        self, person: Person, landmarks: Tensor, past: Past | None = None, reference_index: Tensor | None = None
    ) -> dict[str, Tensor]:
        """landmarks [B, 478, 3]; the nearest portrait is warped unless one is named. See Lite.forward for what comes back."""
        if past is None:
            past = Past.none(landmarks, self.network.output)
        if reference_index is None:
            reference_index = nearest_portrait(person.reference_landmarks, landmarks)
        return self.network(person, landmarks, past, reference_index)


def load_model(path: Path, scale: int = 1) -> Animatable:
    """The averaged weights of a checkpoint, on the CPU, in evaluation mode; for pictures `scale` times as large as the network."""
    config, state = read(path)
    network = Lite(config.network, scale)
    fill(network, state["average"])
    return Animatable(network)


def lighten(path: Path, out: Path) -> None:
    """Keeps the averaged weights alone, in half precision: an eighth of the size, enough to go on from."""
    config, state = read(path)
    average = {name: value.half() if value.is_floating_point() else value for name, value in state["average"].items()}
    save(out, config, {"step": state["step"], "trained_s": state["trained_s"], "average": average})


def main() -> None:
    parser = argparse.ArgumentParser(description="python -m vid2vid.checkpoint lighten IN OUT")
    parser.add_argument("command", choices=["lighten"])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    lighten(options.checkpoint, options.out)


if __name__ == "__main__":
    main()
