"""Draws the two sample avatars that are this project's own: python -m synthetic_people.samples --assets DIR --out models/samples"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from .assets import Assets
from .cast import Actor, cast
from .fixtures import portrait_camera
from .person import Person, PersonSpec, Pose
from .renderer import Renderer
from .scene import Camera, Lighting, room_backdrop

SIZE = 1024  # pixels
SUPERSAMPLE = 2
MARBLE = (0.46, 0.445, 0.41)
FRIENDLY = Pose({"mouthSmileLeft": 0.22, "mouthSmileRight": 0.22, "browInnerUp": 0.15}, roll=1.5)
CALM = Pose({"mouthSmileLeft": 0.08, "mouthSmileRight": 0.08, "browInnerUp": 0.12})
MUSEUM = Lighting(
    key_direction=(-0.75, 0.6, 0.45),
    key_colour=(1.05, 1.0, 0.92),
    fill_colour=(0.10, 0.12, 0.15),
    sky=(0.24, 0.25, 0.28),
    ground=(0.14, 0.12, 0.10),
)
CLOSER = 0.86  # of the portrait camera's distance


def head_camera(person: Person, actor: Actor) -> Camera:
    view = portrait_camera(person, actor)
    return replace(view, distance=view.distance * CLOSER)


def museum_wall(size: int) -> np.ndarray:
    """[size, size, 3] uint8: a dark wall, lighter towards the floor and the light."""
    y, x = np.mgrid[0:size, 0:size] / size
    light = 34 + 22 * y + 20 * np.exp(-((x - 0.25) ** 2 + (y - 0.35) ** 2) / 0.12)
    return np.clip(light[..., None] * np.array([1.0, 1.02, 1.08]), 0, 255).astype(np.uint8)


def samples(assets: Assets) -> dict[str, tuple[PersonSpec, Actor, Pose, Lighting, np.ndarray]]:
    actors = cast(assets)
    anna, room = actors["anna"], actors["kenji"]
    statue = replace(anna.spec, stone=MARBLE, clothes=None)
    ines = replace(anna.spec, hair="hair/long01", clothes="clothes/female_casualsuit02", age=34.0)
    return {
        "statue": (statue, anna, CALM, MUSEUM, museum_wall(SIZE)),
        "ines": (ines, anna, FRIENDLY, anna.lighting, room_backdrop(room.room, SIZE, SIZE, room.room_brightness)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="folder of the MakeHuman assets")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    assets = Assets(options.assets)
    renderer = Renderer(SIZE, SIZE, SUPERSAMPLE)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (spec, actor, pose, lighting, backdrop) in samples(assets).items():
        person = Person(assets, spec)
        image = renderer.render([(person, pose)], head_camera(person, actor), lighting, backdrop)
        cv2.imwrite(str(options.out / f"{name}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()
