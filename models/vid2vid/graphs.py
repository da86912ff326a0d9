"""The network as the graphs of the server's contract: one for enrolment, two for a frame, between and after which the composition works on
pictures of the output's size. None of them knows that size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnxruntime
import torch
from torch import Tensor, nn

from .networks.composition import Composition, Regions, shrunk
from .networks.geometry import LANDMARKS, to_picture
from .networks.interior import cut
from .networks.lite import Lite, Motion, Past, Person, Small, pick

CACHED = ("reference_landmarks", "sketches", "keys", "values", "weights", "interior_landmarks", "interior_knots", "interior_index")
PASSED = ("feature", "embedded_2", "embedded_4", "embedded_8", "embedded_16", "attended", "modulation")  # from MotionGraph to PictureGraph
MOTION_OUTPUTS = (*PASSED, "flow", "flow_previous", *Regions.__dataclass_fields__)
PICTURE_OUTPUTS = ("picture", "logits")
PER_PORTRAIT = {
    "reference_landmarks",
    "sketches",
    "keys",
    "values",
    "weights",
    "small_references",
    "portraits",
    "portrait_landmarks",
}  # begin with the axis K
Feed = dict[str, Tensor]
Runner = tuple[Callable[[Feed], Feed], Callable[[Feed], tuple[Tensor, Tensor]]]  # MotionGraph, PictureGraph


class EnrolmentGraph(nn.Module):
    """Portraits of one person at the network's size -> the cached tensors."""

    def __init__(self, network: Lite):
        super().__init__()
        self.network = network

    def forward(self, portraits: Tensor, portrait_landmarks: Tensor) -> tuple[Tensor, ...]:
        network = self.network
        keys, values, weights = (x[0] for x in network.remembered(portraits[None], portrait_landmarks[None]))
        points = to_picture(portrait_landmarks)
        lender = network.interior.lender(portraits, points)
        own = points.index_select(0, lender)
        # what is chosen would have an open first axis
        single = (
            portrait_landmarks.index_select(0, lender).reshape(1, LANDMARKS, 3),
            network.interior.opening.knots(own).reshape(1, 2, -1, 2),
            lender.float().reshape(1),
        )
        return portrait_landmarks + 0.0, network.small_sketch(points), keys, values, weights, *single


class MotionGraph(nn.Module):
    """Cached tensors, this frame's landmarks and small pictures -> flows, regions, and what PictureGraph goes on with."""

    def __init__(self, network: Lite):
        super().__init__()
        self.network = network

    def forward(
        self,
        reference_landmarks: Tensor,
        sketches: Tensor,
        keys: Tensor,
        values: Tensor,
        weights: Tensor,
        interior_landmarks: Tensor,
        small_references: Tensor,
        small_plate: Tensor,
        small_previous: Tensor,
        landmarks: Tensor,
        previous_landmarks: Tensor,
        has_previous: Tensor,
        reference_index: Tensor,
    ) -> tuple[Tensor, ...]:
        person = Person(
            small_plate,
            small_references[None],
            reference_landmarks[None],
            keys[None],
            values[None],
            weights[None],
            small_plate,
            interior_landmarks,
        )
        small = Small(pick(person.references, reference_index), sketches.index_select(0, reference_index), small_plate, small_previous)
        own = landmarks, pick(person.reference_landmarks, reference_index)
        motion = self.network.motion(person, own, Past(small_previous, previous_landmarks, has_previous), small)
        made = motion_outputs(motion)
        side = self.network.config.size // 4
        for name in ("flow", "flow_previous"):  # gathers leave open axes, and the server makes room beforehand
            made[name] = made[name].reshape(1, 2, side, side)
        made["eyes"], made["turns"] = made["eyes"].reshape(1, 2, 2, -1, 2), made["turns"].reshape(1, 2, 4)
        made["feature"] = made["feature"].reshape(1, -1, side, side)
        return tuple(made.values())


class PictureGraph(nn.Module):
    """What MotionGraph gave and what H sees of the layers -> H's picture and the masks' logits."""

    def __init__(self, network: Lite):
        super().__init__()
        self.network = network

    def forward(
        self,
        feature: Tensor,
        embedded_2: Tensor,
        embedded_4: Tensor,
        embedded_8: Tensor,
        embedded_16: Tensor,
        attended: Tensor,
        modulation: Tensor,
        seen: Tensor,
        opening: Tensor,
        shown: Tensor,
        has_previous: Tensor,
    ) -> tuple[Tensor, Tensor]:
        motion = Motion({}, feature, [embedded_2, embedded_4, embedded_8, embedded_16], attended, modulation, modulation, None)
        return self.network.picture(motion, seen, (opening, shown), has_previous)


def motion_outputs(motion: Motion) -> dict[str, Tensor]:
    """By the graph's names; the first of them go to PictureGraph, the rest to the composition."""
    embedded = {f"embedded_{2 << level}": x for level, x in enumerate(motion.embedded)}
    passed = {"feature": motion.feature, **embedded, "attended": motion.values, "modulation": motion.weights}
    return passed | {"flow": motion.moves["flow"], "flow_previous": motion.moves["flow_previous"]} | vars(motion.regions)


@dataclass
class Enrolled:
    """What is kept of one person: the cached tensors by the graphs' names, and pictures at the output's size."""

    cached: Feed
    references: Tensor  # [K, 3, S, S]
    plate: Tensor  # [1, 3, S, S]
    interior: Tensor  # [1, 4, S, S]

    @classmethod
    def by_network(cls, network: Lite, person: Person) -> Enrolled:
        landmarks = person.reference_landmarks[0]
        cached = {
            "reference_landmarks": landmarks,
            "sketches": network.small_sketch(to_picture(landmarks)),
            "keys": person.keys[0],
            "values": person.values[0],
            "weights": person.weights[0],
            "interior_landmarks": person.interior_landmarks,
        }
        return cls(cached, person.references[0], person.plate, person.interior)

    @classmethod
    def by_graph(cls, session: onnxruntime.InferenceSession, portraits: Tensor, landmarks: Tensor, plate: Tensor, scale: int) -> Enrolled:
        """portraits [K, 3, S, S] 0..1, landmarks [K, 478, 3] picture widths, plate [1, 3, S, S]."""
        feed = {"portraits": shrunk(portraits, scale).numpy(), "portrait_landmarks": landmarks.numpy()}
        made = {name: torch.from_numpy(x) for name, x in zip(CACHED, session.run(list(CACHED), feed), strict=True)}
        lender = int(made.pop("interior_index")[0])
        return cls(made, portraits, plate, cut(portraits[lender : lender + 1], made.pop("interior_knots")))


@dataclass
class Step:
    """One frame as the graphs make it: what goes into the two of them, and what comes out of the composition."""

    motion: Feed
    picture: Feed
    made: Feed


def make_frame(composition: Composition, person: Enrolled, landmarks: Tensor, past: Past, index: Tensor, run: Runner) -> Step:
    """The frame through the graphs' own seams, for one person; `run`: run_network or run_graphs."""
    run_motion, run_picture = run
    small = {"small_references": person.references, "small_plate": person.plate, "small_previous": past.frame}
    motion = person.cached | {name: shrunk(x, 4 * composition.scale) for name, x in small.items()}
    motion |= {
        "landmarks": landmarks,
        "previous_landmarks": past.landmarks,
        "has_previous": past.known,
        "reference_index": index,
    }
    told = run_motion(motion)
    known = past.known[:, None, None, None]
    regions = Regions(*(told[name] for name in Regions.__dataclass_fields__))
    pictures = person.references.index_select(0, index), person.interior, past.frame
    layers = composition.layers(pictures, (told["flow"], told["flow_previous"]), regions)
    layers.warped_previous = layers.warped_previous * known
    opening, shown = composition.openings(layers)
    picture = {name: told[name] for name in PASSED} | {
        "seen": composition.seen(layers, person.plate, known),
        "opening": opening,
        "shown": shown,
        "has_previous": past.known,
    }
    return Step(motion, picture, composition.mixed(layers, person.plate, *run_picture(picture)))


def run_network(network: Lite) -> Runner:
    """PyTorch."""
    motion, picture = MotionGraph(network), PictureGraph(network)
    return lambda feed: named(MOTION_OUTPUTS, motion(*feed.values())), lambda feed: picture(*feed.values())


def named(names: tuple[str, ...], values: tuple) -> dict[str, Tensor]:
    return dict(zip(names, values, strict=True))


def run_graphs(motion: onnxruntime.InferenceSession, picture: onnxruntime.InferenceSession) -> Runner:
    """ONNX Runtime in the place of the network."""

    def runner(session: onnxruntime.InferenceSession, names: tuple[str, ...]) -> Callable:
        return lambda feed: tuple(
            torch.from_numpy(x) for x in session.run(list(names), {name: value.numpy() for name, value in feed.items()})
        )

    run_motion, run_picture = runner(motion, MOTION_OUTPUTS), runner(picture, PICTURE_OUTPUTS)
    return lambda feed: named(MOTION_OUTPUTS, run_motion(feed)), run_picture


def i420(rgb: Tensor) -> Tensor:
    """[1, 3, S, S] 0..1 -> uint8 [1, S * 3 / 2, S], BT.601 limited range, chroma averaged over 2 x 2."""
    size = rgb.shape[3]
    luma = rgb.new_tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1)
    chroma = rgb.new_tensor([[-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]).view(2, 3, 1, 1)
    y = nn.functional.conv2d(rgb.clamp(0, 1), luma) + 16.5
    uv = nn.functional.conv2d(nn.functional.avg_pool2d(rgb.clamp(0, 1), 2), chroma) + 128.5
    return torch.cat([y.to(torch.uint8).reshape(1, size, size), uv.to(torch.uint8).reshape(1, size // 2, size)], 1)
