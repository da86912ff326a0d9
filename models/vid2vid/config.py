"""Everything that decides what a training run does. Stored in each checkpoint, so that a checkpoint explains itself."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any


@dataclass
class NetworkConfig:
    """Shape of the network and the parts of it that an ablation switches off."""

    size: int = 256  # side of the picture
    sketch: tuple[int, int, int, int] = (24, 48, 64, 64)  # embedding of the semantic map at S/2, S/4, S/8, S/16
    warped: tuple[int, int, int] = (32, 48, 64)  # embedding of the warped pictures at S/2, S/4, S/8
    flow: int = 64  # width of W
    synthesis: tuple[int, int, int, int] = (128, 96, 48, 32)  # H at S/16, S/8, S/4, S/2
    appearance: tuple[int, int, int, int] = (24, 48, 96, 128)  # E_F at S/2 .. S/16
    style: int = 128
    key: int = 32
    row: int = 32  # embedding of a generated row in E_P
    row_hidden: int = 96
    modulation: str = "generated"  # or "adain": only scale and shift per channel come from the portraits
    attention: str = "attention"  # or "mean": all portraits and places alike
    previous: bool = True  # warps the previous output
    reference: bool = True  # warps a portrait
    prior: bool = True  # flow from the landmarks, to which W's is a residual
    residual: bool = True  # W corrects the prior


@dataclass
class DataConfig:
    sources: dict[str, float] = field(default_factory=lambda: {"synthetic": 1.0})  # weight of each source in a batch
    people: float = 1.0  # share of the training people that is used, for the curve over people
    portraits: tuple[int, int] = (1, 4)  # K is drawn from this range, both included
    frames: int = 3  # consecutive frames of a clip per sample
    clips: int = 1  # clips of one person that share an enrolment
    colour: float = 0.12  # standard deviation of a gain per channel, the same for a person's frames
    grey: float = 0.0  # share of the samples without colours, toned as one: statues, drawings, old photographs
    flip: float = 0.5
    landmark_noise: float = 0.0006  # picture widths, of the driver's points
    open_mouths: float = 0.0  # share of the samples whose stretch is, of four, the one with the widest mouth
    previous_noise: float = 0.02  # of the previous frame, 0..1


@dataclass
class LossConfig:
    l1: float = 1.0
    synthesis: float = 0.5  # L1 of H's picture before the mattings
    features: str = "squeezenet"  # of the perceptual terms; or "efficientnet", so that SqueezeNet can judge without having taught
    perceptual: float = 1.0
    fine: float = 0.5  # perceptual on an enlarged mouth or eye
    flow: float = 4.0  # W against the exact flow where there is one
    warp: float = 0.5  # the warped portrait against the frame, where it was visible
    gaze: float = 0.0  # where the dark of an eye lies, against where it should
    mask: float = 0.05  # masks against exact visibility
    temporal: float = 0.0  # change since the frame before against the true change
    adversarial: float = 0.0
    feature_matching: float = 2.0
    judged_mouths: float = 0.0  # share of the steps in which the discriminator sees enlarged mouths, not faces and revealed places
    mouth: float = 4.0  # factors on L1
    inside: float = 1.5  # of an open mouth, on top of the mouth's
    eyes: float = 4.0
    revealed: float = 6.0


@dataclass
class TrainConfig:
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    seed: int = 1
    batch: int = 4  # people per step
    learning_rate: float = 4e-4
    discriminator_rate: float = 4e-4
    warmup: int = 100  # steps
    steps: int = 100_000  # the learning rate falls to a twentieth over these
    average: float = 0.998  # of the weights (EMA)
    only_flow: bool = (
        False  # trains W alone, on the sources with exact flow: cheap, and the rest has something to go by from its first step
    )
    keep_enrolment: bool = False  # E_F and E_P stay as they are: a third of a step's time
    bfloat16: bool = True


def override(config: Any, assignments: list[str]) -> Any:
    """`a.b=value` strings (value in JSON, or a bare word) laid over a config. Raises ValueError for an unknown name or a value of another
    kind."""
    raw = asdict(config)
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text} has no value: NAME=VALUE")
        *parents, last = path.split(".")
        node = raw
        for name in parents:
            node = node.get(name, None)
            if not isinstance(node, dict):
                raise ValueError(f"There is no setting {path}")
        if last not in node and parents != ["data", "sources"]:
            raise ValueError(f"There is no setting {path}; there are: {', '.join(node)}")
        node[last] = _parsed(value)
    return from_dict(type(config), raw)


def from_dict(kind: type, raw: dict, inside: str = "") -> Any:
    """The dataclass of nested dicts; missing names take their defaults. Raises ValueError for an unknown name or a value of another
    kind."""
    known = {f.name: f for f in fields(kind)}
    if unknown := set(raw) - set(known):
        raise ValueError(f"Unknown settings: {', '.join(sorted(unknown))}")
    defaults = kind()
    return kind(**{name: _checked(f"{inside}{name}", value, getattr(defaults, name)) for name, value in raw.items()})


def _parsed(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _checked(name: str, value: Any, default: Any) -> Any:
    """The value in its default's type: a bare word would count as true, a float break a range."""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        expected = "true or false"
    elif isinstance(default, (int, float)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if number and (isinstance(default, float) or value == int(value)):
            return type(default)(value)
        expected = "a number" if isinstance(default, float) else "a whole number"
    elif isinstance(default, tuple):
        if isinstance(value, (list, tuple)) and len(value) == len(default):
            return tuple(_checked(name, v, d) for v, d in zip(value, default))
        expected = f"a list of {len(default)}"
    elif isinstance(default, dict):
        if isinstance(value, dict):
            return {key: _checked(f"{name}.{key}", v, 1.0) for key, v in value.items()}
        expected = "names with a number each"
    elif is_dataclass(default):
        if isinstance(value, dict):
            return from_dict(type(default), value, f"{name}.")
        expected = "settings by name"
    else:
        if isinstance(value, str):
            return value
        expected = "a word"
    raise ValueError(f"{name} takes {expected}, not {value!r}")


def load(path: Path) -> TrainConfig:
    return from_dict(TrainConfig, json.loads(Path(path).read_text()))
