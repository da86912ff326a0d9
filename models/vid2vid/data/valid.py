"""The rigged avatars of the VALID set as source `valid`, drawn as the synthetic people are, with exact flow at any turn.

    git clone https://github.com/c-frame/valid-avatars-glb DIR     (or a bare copy of it)
    python -m vid2vid.data.valid --avatars DIR --out DIR [--outfits 1]

42 people in five or six outfits. Those of splits.json are held out with all their clothes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthetic_people.avatar import Avatar, Part, Rig
from synthetic_people.backdrops import random_backdrop
from synthetic_people.subject import Subject, random_camera, random_lighting, random_photo

from .glb import Glb, Mesh
from .splits import held_out
from .store import ClipRange, PersonEntry
from .synthetic import Job, build
from .synthetic_studio import BELOW_EYES, REFERENCES, SUBJECT_TRIES, Sitting, Studio

LICENCE = "MIT: VALID avatars (c-frame/valid-avatars-glb)"
PATTERN = re.compile(r"avatars/[^/]+/(?P<person>\w+)_(?P<outfit>[A-Za-z]+)\.glb$")
SKINS = {"Black": "dark", "White": "light", "Asian": "light"}
JOINTS = ("Head", "Neck", "LeftArm", "RightArm", "LeftEye", "RightEye")


@dataclass(frozen=True)
class Shelf:
    """Avatar files in a checkout, or in the newest commit of a bare repository."""

    folder: Path

    def names(self) -> list[str]:
        bare = not (self.folder / "avatars").is_dir()
        found = (
            self._git("ls-tree", "-r", "--name-only", "HEAD").decode().split()
            if bare
            else [str(f.relative_to(self.folder)) for f in self.folder.rglob("*.glb")]
        )
        return sorted(n for n in found if PATTERN.search(n))

    def read(self, name: str) -> bytes:
        file = self.folder / name
        return file.read_bytes() if file.is_file() else self._git("show", f"HEAD:{name}")

    def _git(self, *arguments: str) -> bytes:
        return subprocess.run(["git", "-C", str(self.folder), *arguments], check=True, stdout=subprocess.PIPE, timeout=60).stdout


def rig_of(name: str, data: bytes) -> Rig:
    glb = Glb(data)
    meshes = {kind: [m for m in glb.meshes() if kind_of(m.name) == kind] for kind in ("body", "eyes", "teeth", "hair")}
    parts = {kind: joined(group) for kind, group in meshes.items() if group}
    textures = {kind: glb.image(group[0].texture) for kind, group in meshes.items() if group}
    return Rig(name, parts, {j: glb.joint_place(j) for j in JOINTS}, textures)


def kind_of(mesh: str) -> str:
    for sign, kind in (("_eye", "eyes"), ("Teeth", "teeth"), ("wig", "hair")):
        if sign in mesh:
            return kind
    return "body"


def joined(meshes: list[Mesh]) -> Part:
    """One part of several meshes; a morph or joint that one does not have leaves it alone."""
    counts = [len(m.positions) for m in meshes]
    starts = np.cumsum([0, *counts[:-1]])
    plain = [{plain_name(n): d for n, d in m.morphs.items()} for m in meshes]
    morphs = {n: np.concatenate([p.get(n, np.zeros((c, 3), np.float32)) for p, c in zip(plain, counts)]) for p in plain for n in p}
    weights = {
        j: np.concatenate([m.weights.get(j, np.zeros(c, np.float32)) for m, c in zip(meshes, counts)]) for m in meshes for j in m.weights
    }
    triangles = np.concatenate([m.triangles + s for m, s in zip(meshes, starts)])
    return Part(np.concatenate([m.positions for m in meshes]), np.concatenate([m.uvs for m in meshes]), triangles, morphs, weights)


def plain_name(morph: str) -> str:
    """h_expressions.LeyeClose_h -> LeyeClose"""
    return morph.split(".")[-1].removesuffix("_h").removeprefix("t_")


class AvatarStudio(Studio):
    """Sits for the avatars of a shelf, by file name."""

    def __init__(self, shelf: Shelf, size: int, supersample: float, landmarker: str | None):
        super().__init__(None, size, supersample, landmarker)
        self._shelf = shelf

    def sittings_of(self, name: str) -> Iterator[Sitting]:
        rig = rig_of(name, self._shelf.read(name))
        for variant in range(SUBJECT_TRIES):
            random = np.random.default_rng([2204, *name.encode(), variant])
            subject = subject_of(name, self.size, random)
            sitting = Sitting(self, subject, avatar_of(rig, random))
            yield sitting
            sitting.close()


def subject_of(name: str, size: int, random: np.random.Generator) -> Subject:
    skin = skin_of(name)
    light = random_lighting(random, skin)
    seed = int(random.integers(1 << 30))
    return Subject(seed, None, skin, light, random_camera(random), random_backdrop(random, size), random_photo(random))


def avatar_of(rig: Rig, random: np.random.Generator) -> Avatar:
    """A variant of the same person: the light on the skin, and the frown that all of these faces have taken back by some."""
    brows = float(random.uniform(0.1, 0.6))
    calm = {"LbrowUp": brows, "RbrowUp": brows} | {
        n: float(random.uniform(0, 0.25)) for n in ("LsmileClose", "RsmileClose", "LLbrowUp", "RRbrowUp")
    }
    gain = tuple(float(g) for g in random.uniform(0.85, 1.15) * random.uniform(0.97, 1.03, 3))
    return Avatar(rig, BELOW_EYES, shout=float(random.uniform(0, 1)), calm=calm, skin_gain=gain)


def skin_of(name: str) -> str:
    return SKINS.get(PATTERN.search(name)["person"].removeprefix("X_").split("_")[0], "medium")


def people_of(names: list[str], outfits: int, seed: int, clips: int, clip_frames: int, long_frames: int) -> list[PersonEntry]:
    """So many outfits of everyone, chosen by `seed`; laid out as synthetic.layout does."""
    random, not_trained = np.random.default_rng(seed), held_out("valid")
    wardrobes: dict[str, list[str]] = {}
    for name in names:
        wardrobes.setdefault(PATTERN.search(name)["person"], []).append(name)
    people, start = [], 0
    for person, wardrobe in sorted(wardrobes.items()):
        out = person in not_trained
        for name in random.permutation(wardrobe)[: 1 if out else outfits].tolist():
            lengths = [clip_frames] * clips + ([long_frames] if out and long_frames else [])
            starts = start + REFERENCES + np.cumsum([0, *lengths])
            sex = {"F": "female", "M": "male"}[person.split("_")[-2]]
            people.append(
                PersonEntry(name, start, REFERENCES, [ClipRange(int(s), n) for s, n in zip(starts, lengths)], out, sex, skin_of(name))
            )
            start = int(starts[-1])
    return people


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--avatars", type=Path, required=True, help="copy of the repository, bare or not")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--outfits", type=int, default=2, help="of each person that is trained on")
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--clip-frames", type=int, default=8)
    parser.add_argument("--long-frames", type=int, default=60, help="length of each held-out person's further clip; 0: none")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--supersample", type=float, default=1.5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--landmarker", help="folder of the tracker's networks")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    people = people_of(Shelf(o.avatars).names(), o.outfits, o.seed, o.clips, o.clip_frames, o.long_frames)
    job = Job(o.avatars, o.out, o.size, o.supersample, o.landmarker, source="valid", licence=LICENCE)
    build(job, people, o.processes, flow=True)


if __name__ == "__main__":
    main()
