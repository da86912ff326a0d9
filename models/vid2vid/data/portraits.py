"""Pseudo-clips from still portraits as sources `portraits` and `sfhq`: each photograph moved a little as a textured 3-D head, with exact
flow.

    python -m vid2vid.data.portraits --data ../../shared/data --donors DIR/grid DIR/synthetic --out DIR [--source sfhq] [--limit N]

A person's references are the photograph itself (number 0) and four moved ones; clips are runs of four frames. Three of them end in the
untouched photograph, so that there are real pixels to be predicted; two are free (of `sfhq`, which has many people: two and one). Landmarks
are the tracker's, on each picture as it is stored.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import sfhq
from .donors import Donors
from .head_mesh import HeadMesh
from .head_pose import head_pose
from .landmarker import KEPT_FLAG, Landmarker
from .layers import Layers, Matting, separate
from .mesh_topology import FACE_POINTS
from .motions import OWN_TEETH, Limits, Shown, free_run, lead_up, references
from .pack import stills_of
from .pictures import skin_class
from .pseudo_frames import Stage, View, flow_between, head_cells
from .splits import held_out, portrait_people, sex_of
from .stills import TEXTURE, Portrait, usable_portraits
from .store import ClipRange, PersonEntry, Source, SourceWriter
from .surface_renderer import SurfaceRenderer

SIZE = 256
RUNS = {"portraits": (3, 2), "sfhq": (2, 1)}  # that end in the photograph, and free ones
LICENCES = {"portraits": "faker CC0; london, canada CC BY 4.0 DeBruine & Jones; lisa CC0", "sfhq": "MIT: SFHQ-T2I (AI-generated faces)"}
REFERENCES, RUN = 5, 4
HEAD_ROOM = 0.02  # of the upper border may be person
MILDER = 0.5  # a frame that the tracker refuses is drawn again with less motion


def script(
    portrait: Portrait, layers: Layers, mesh: HeadMesh, donors: Donors, random: np.random.Generator, runs: tuple[int, int]
) -> list[Shown]:
    """References, then the runs one after the other."""
    at_top = bool((layers.alpha[0] > 0.5).mean() > HEAD_ROOM)
    limits = Limits(head_pose(portrait.landmarks).yaw, at_top, mesh.lip_gap() > OWN_TEETH)
    frames = references(random, limits, donors)
    for make in [lead_up] * runs[0] + [free_run] * runs[1]:
        frames += make(random, limits, donors)
    return frames


@dataclass
class Drawn:
    view: View
    landmarks: np.ndarray  # [478, 3] picture widths, the tracker's
    milder: int


def draw(stage: Stage, tracker: Landmarker, shown: Shown) -> Drawn:
    """The frame as the tracker sees it. @raises RuntimeError where it refuses even the photograph."""
    for attempt in range(4):
        view = stage.view(shown.motion, shown.mouth)
        points, flag = tracker.track(view.picture, view.posed.points[:FACE_POINTS] * SIZE)
        if flag >= KEPT_FLAG:
            return Drawn(view, points / SIZE, attempt)
        shown = Shown(shown.motion.scaled(MILDER), shown.mouth)
    raise RuntimeError("the tracker refuses the photograph as it is stored")


def store_person(writer: SourceWriter, start: int, drawn: list[Drawn]) -> None:
    views = [d.view for d in drawn]
    arrays = writer.arrays
    for i, frame in enumerate(drawn):
        at = start + i
        arrays["frames"][at], arrays["landmarks"][at] = frame.view.picture, frame.landmarks
        arrays["head"][at] = head_cells(frame.view)
        for r in range(REFERENCES):
            flow, seen = flow_between(frame.view, views[r])
            arrays["flow_reference"][at, r], arrays["seen_reference"][at, r] = flow, 255 * seen.astype(np.uint8)
        if i >= REFERENCES and (i - REFERENCES) % RUN:
            flow, seen = flow_between(frame.view, views[i - 1], neighbours=True)
            arrays["flow_previous"][at], arrays["seen_previous"][at] = flow, 255 * seen.astype(np.uint8)


def plan(name: str, portraits: list[Portrait]) -> Source:
    not_trained = held_out(name)
    source = Source(name, SIZE, 25.0, LICENCES[name])
    runs, start = sum(RUNS[name]), 0
    for p in portraits:
        small = cv2.resize(p.texture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        skin = "light" if p.name.startswith("canada") else skin_class(small, p.landmarks)  # its pink cast misleads; its people are white
        clips = [ClipRange(start + REFERENCES + r * RUN, RUN) for r in range(runs)]
        source.people.append(PersonEntry(p.name, start, REFERENCES, clips, p.name in not_trained, sex_of(p.name), skin))
        start += REFERENCES + runs * RUN
    return source


def found(source: str, data: Path, tracker: Landmarker, limit: int | None) -> list[Portrait]:
    if source == "sfhq":
        return usable_portraits(sfhq.people(data), tracker, limit, sfhq.reason_against)
    return usable_portraits(portrait_people(data), tracker, limit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument("--data", type=Path, help="folder with portraits")
    origin.add_argument("--stills", type=Path, help="file that pack.py made of them")
    parser.add_argument("--donors", type=Path, nargs="+", required=True, help="finished sources that lend speech and mouths")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--source", choices=sorted(RUNS), default="portraits")
    parser.add_argument("--limit", type=int, help="about so many people, evenly from all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tracker, matting, renderer, donors = Landmarker(), Matting(), SurfaceRenderer(TEXTURE), Donors(options.donors)
    portraits = found(options.source, options.data, tracker, options.limit) if options.data else stills_of(options.stills)[: options.limit]
    source = plan(options.source, portraits)
    writer = SourceWriter(options.out / options.source, source, flow=True, head=True)
    began, milder = time.monotonic(), 0
    for number, (portrait, entry) in enumerate(zip(portraits, source.people)):
        layers = separate(portrait.texture, matting(portrait.texture))
        stage = Stage(renderer, portrait.texture, layers, HeadMesh(portrait.landmarks, layers.alpha))
        random = np.random.default_rng([options.seed, number])
        drawn = [draw(stage, tracker, shown) for shown in script(portrait, layers, stage.mesh, donors, random, RUNS[source.name])]
        milder += sum(d.milder > 0 for d in drawn)
        store_person(writer, entry.start, drawn)
        if number % 20 == 19:
            each = (time.monotonic() - began) / (number + 1)
            print(f"{number + 1} of {len(portraits)} people, {each * (len(portraits) - number - 1):.0f} s left", flush=True)
    writer.close()
    print(
        f"{source.name}: {source.frames} frames of {len(portraits)} people, {sum(p.held_out for p in source.people)} held out; "
        f"{milder} frames were drawn milder"
    )


if __name__ == "__main__":
    main()
