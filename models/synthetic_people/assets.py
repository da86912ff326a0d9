"""Reading the MakeHuman files: base mesh, morph targets, fitted parts, textures. Nothing here knows about a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import cv2
import numpy as np

MOUTH_LINING_SEED = 7330
BODY_VERTICES = 13380  # the base mesh's vertices from here on are helpers (joints, eye and teeth proxies)


@dataclass(frozen=True)
class ObjMesh:
    """A Wavefront mesh; all index arrays count from 0."""

    positions: np.ndarray  # [V, 3] float32
    uvs: np.ndarray  # [T, 2] float32
    triangles: np.ndarray  # [F, 3] position numbers
    uv_triangles: np.ndarray  # [F, 3] texture-vertex numbers
    groups: dict[str, np.ndarray]  # name -> position numbers used by the group's faces


@dataclass(frozen=True)
class Fit:
    """How a part hangs on the base mesh: position = sum(weights * base[vertices]) + offset * scale (per axis)."""

    vertices: np.ndarray  # [N, 3]
    weights: np.ndarray  # [N, 3]
    offsets: np.ndarray  # [N, 3]
    scale_rules: list[tuple[int, int, float]]  # x, y, z: |P[a] - P[b]| on that axis / d
    hidden_vertices: np.ndarray  # body vertices that the part covers

    def scale(self, base: np.ndarray) -> np.ndarray:
        """[3] from the neutral person's base mesh; expressions must not change it."""
        return np.array([abs(base[a, axis] - base[b, axis]) / d for axis, (a, b, d) in enumerate(self.scale_rules)], np.float32)

    def apply(self, base: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nkd->nd", self.weights, base[self.vertices]) + self.offsets * scale


@dataclass(frozen=True)
class Part:
    name: str
    mesh: ObjMesh
    fit: Fit


def read_obj(path: Path) -> ObjMesh:
    """Triangulates quads; faces without texture vertices get texture vertex 0."""
    positions: list[list[float]] = []
    uvs: list[list[float]] = []
    faces: list[list[int]] = []
    uv_faces: list[list[int]] = []
    groups: dict[str, set[int]] = {}
    group = ""
    for line in path.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            positions.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            uvs.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [(c.split("/") + [""])[:2] for c in rest.split()]
            p = [int(c[0]) - 1 for c in corners]
            t = [int(c[1]) - 1 if c[1] else 0 for c in corners]
            groups.setdefault(group, set()).update(p)
            for i in range(1, len(p) - 1):
                faces.append([p[0], p[i], p[i + 1]])
                uv_faces.append([t[0], t[i], t[i + 1]])
    return ObjMesh(
        np.array(positions, np.float32),
        np.array(uvs or [[0, 0]], np.float32),
        np.array(faces, np.int32),
        np.array(uv_faces, np.int32),
        {name: np.array(sorted(used), np.int32) for name, used in groups.items()},
    )


def read_mhclo(path: Path) -> Fit:
    rows: list[list[float]] = []
    rules: dict[str, tuple[int, int, float]] = {}
    hidden: list[int] = []
    section = ""
    for line in path.read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("verts", "delete_verts"):
            section = words[0]
        elif re.fullmatch(r"[xyz]_scale", words[0]):
            rules[words[0][0]] = (int(words[1]), int(words[2]), float(words[3]))
        elif re.fullmatch(r"[a-z_]+", words[0]):
            continue  # names and tags; they may stand between "verts" and its rows
        elif section == "verts":
            values = [float(w) for w in words]
            rows.append(values if len(values) > 1 else [values[0], 0, 0, 1, 0, 0, 0, 0, 0])
        elif section == "delete_verts":
            hidden += _ranges(line)
    table = np.array(rows)
    return Fit(
        table[:, :3].astype(np.int32),
        table[:, 3:6].astype(np.float32),
        table[:, 6:9].astype(np.float32),
        [rules[axis] for axis in "xyz"],
        np.array(hidden, np.int32),
    )


def _ranges(line: str) -> list[int]:
    """'3 5 - 7' -> [3, 5, 6, 7]"""
    numbers: list[int] = []
    for first, last in re.findall(r"(\d+)(?:\s*-\s*(\d+))?", line):
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def islands(triangles: np.ndarray, count: int) -> np.ndarray:
    """[count] the smallest vertex number of each vertex's connected component."""
    labels = np.arange(count)
    while True:
        spread = labels.copy()
        np.minimum.at(spread, triangles.ravel(), np.repeat(labels[triangles].min(axis=1), 3))
        spread = spread[spread]
        if np.array_equal(spread, labels):
            return labels
        labels = spread


class Assets:
    """The asset folder, read lazily, each file once."""

    def __init__(self, root: Path | str):
        self.root = Path(root)
        if not (self.root / "base.obj").is_file():
            raise FileNotFoundError(f"{self.root} holds no MakeHuman assets (base.obj is missing)")

    @cached_property
    def base(self) -> ObjMesh:
        return read_obj(self.root / "base.obj")

    @cached_property
    def mouth_lining(self) -> np.ndarray:
        """Numbers of the body vertices inside the mouth: the texture island of one vertex known to lie there."""
        mesh = self.base
        skin = (mesh.triangles < BODY_VERTICES).all(axis=1)
        labels = islands(mesh.uv_triangles[skin], len(mesh.uvs))[mesh.uv_triangles[skin][:, 0]]
        triangles = mesh.triangles[skin]
        inside = labels == labels[(triangles == MOUTH_LINING_SEED).any(axis=1)][0]
        return np.unique(triangles[inside])

    @cached_property
    def _targets(self):
        return np.load(self.root / "targets.npz")

    @cached_property
    def target_names(self) -> list[str]:
        return sorted({name.rsplit(".", 1)[0] for name in self._targets.files})

    @cache
    def target(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(vertex numbers [n], offsets [n, 3] at weight 1)"""
        return self._targets[f"{name}.idx"], self._targets[f"{name}.delta"]

    @cache
    def part(self, name: str) -> Part:
        """`name` as 'hair/bob01': the folder that holds NAME.obj and NAME.mhclo."""
        stem = self.root / name / Path(name).name
        return Part(name, read_obj(stem.with_suffix(".obj")), read_mhclo(stem.with_suffix(".mhclo")))

    def names(self, kind: str) -> list[str]:
        return sorted(f"{kind}/{p.parent.name}" for p in (self.root / kind).glob("*/*.mhclo"))

    def texture_path(self, part: str) -> Path:
        """The one picture beside a part's mesh (hair, brows, lashes, clothes, tongue)."""
        return next(p for p in sorted((self.root / part).iterdir()) if p.suffix in (".png", ".jpg"))

    @cache
    def texture(self, path: Path) -> np.ndarray:
        """[H, W, 4] uint8, first row at the top."""
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGBA)

    @cache
    def joint(self, name: str) -> np.ndarray:
        """Vertex numbers of the little cube that marks a joint; its centre is the joint."""
        return self.base.groups[f"joint-{name}"]
