"""One person: what is asked for (PersonSpec), the mesh that comes of it, and how that mesh moves (Person.pose)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np

from .assets import BODY_VERTICES, Assets, Part
from .geometry import NormalBuilder, axis_angle, rotate_by_share, rotation, smoothstep, split_seams

WAIST = 1.5  # nothing below this height is drawn, unless asked for: the camera never sees it
CARVED = {
    "body": 0.96,
    "eyes": 0.8,
    "brows": 0.9,
}  # of a statue: how little of the texture is left; lips, irises and brows can still be seen
ARM_DROP_DEGREES = 32.0  # from the asset's spread arms to hanging ones


@dataclass(frozen=True)
class PersonSpec:
    """Everything that makes a person who they are. Colours are linear factors on the textures."""

    sex: str = "female"  # or "male"
    age: float = 25.0  # years, 12..90
    ancestry: dict[str, float] = field(default_factory=lambda: {"caucasian": 1.0})  # african, asian, caucasian; sums to 1
    weight: float = 0.0  # -1 thin .. 1 heavy
    muscle: float = 0.0
    face: dict[str, float] = field(default_factory=dict)  # target name -> weight
    skin: str = "young_lightskinned_female_diffuse2"
    skin_gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    skin_saturation: float = 0.9
    hair: str | None = "hair/bob02"
    hair_colour: tuple[float, float, float] | None = None  # None: the texture's own
    hair_brightness: float = 1.0
    eyebrows: str = "eyebrows/eyebrow001"
    brow_colour: tuple[float, float, float] = (0.05, 0.035, 0.03)
    eyelashes: str = "eyelashes/eyelashes02"
    eyes: str = "brown"
    eye_saturation: float = 0.5
    teeth: str = "teeth/teeth_base"
    clothes: str | None = "clothes/female_casualsuit01"
    clothes_gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    clothes_colour: tuple[float, float, float] | None = None  # None: the texture's own
    stone: tuple[float, float, float] | None = None  # a statue: everything in this colour


@dataclass(frozen=True)
class Pose:
    """One moment. Expression weights are ARKit names or 'visemes01/...' target names; angles in degrees."""

    expression: dict[str, float] = field(default_factory=dict)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_yaw: float = 0.0  # relative to the head; > 0 to the person's left
    gaze_pitch: float = 0.0  # > 0 down
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # the whole person


@dataclass
class Layer:
    """A drawable piece of a person: fixed topology and texture; positions come from Person.pose."""

    name: str
    source: np.ndarray  # [R] render vertex -> mesh vertex
    uvs: np.ndarray  # [R, 2]
    triangles: np.ndarray  # [F, 3] over render vertices
    mesh_triangles: np.ndarray  # [F, 3] over mesh vertices, for normals


def macro_weights(spec: PersonSpec) -> dict[str, float]:
    """The macro targets of a person: RACE-SEX-AGE mixed over ancestry and age, and the body's build."""
    ages = [("child", 12.0), ("young", 25.0), ("old", 90.0)]
    years = np.clip(spec.age, ages[0][1], ages[-1][1])
    mix: dict[str, float] = {}
    for (young, a), (old, b) in zip(ages, ages[1:]):
        if a <= years <= b:
            share = float((years - a) / (b - a))
            mix = {young: 1 - share, old: share}
    weights: dict[str, float] = {}
    builds = {f"{_level('muscle', m)}-{_level('weight', w)}": wm * ww for m, wm in _levels(spec.muscle) for w, ww in _levels(spec.weight)}
    for age, age_share in mix.items():
        for race, race_share in spec.ancestry.items():
            weights[f"macrodetails/{race}-{spec.sex}-{age}"] = age_share * race_share
        for build, build_share in builds.items():
            weights[f"macrodetails/universal-{spec.sex}-{age}-{build}"] = age_share * build_share
    return {name: w for name, w in weights.items() if w > 0}


def _levels(value: float) -> list[tuple[str, float]]:
    extreme = "max" if value > 0 else "min"
    return [(extreme, abs(value)), ("average", 1 - abs(value))]


def _level(kind: str, level: str) -> str:
    return f"{level}{kind}"


def apply_targets(assets: Assets, positions: np.ndarray, weights: dict[str, float]) -> np.ndarray:
    """positions [V, 3] moved by the named morphs; the input is left alone."""
    moved = positions.copy()
    for name, weight in weights.items():
        if weight:
            index, delta = assets.target(name)
            moved[index] += weight * delta
    return moved


class Person:
    """A built person. `layers` never change; `pose` gives their positions and normals for one moment."""

    def __init__(self, assets: Assets, spec: PersonSpec, below_eyes: float | None = None):
        """`below_eyes`: decimetres under the eyes that are drawn; None: down to the waist."""
        self.assets = assets
        self.spec = spec
        shaped = apply_targets(assets, assets.base.positions, macro_weights(spec) | spec.face)
        shaped[assets.mouth_lining] += self._lining_retreat(assets)
        self._parts = self._choose_parts()
        self._scales = {name: part.fit.scale(shaped) for name, part in self._parts.items()}
        self.neutral = self._lower_arms(shaped)
        self._neck = self._joint("neck")
        self._pivot = self._neck + np.array([0, 0.35, 0.12], np.float32)
        self.eye_centres = [self._group_centre("helper-l-eye"), self._group_centre("helper-r-eye")]
        self._lowest = WAIST if below_eyes is None else float(self.eye_centres[0][1]) - below_eyes
        self._eye_proxy = np.concatenate([assets.base.groups[g] for g in ("helper-l-eye", "helper-r-eye")])
        self._meshes = self._neutral_meshes()
        self._turn_share = {name: self._head_share(p) for name, p in self._meshes.items()}
        self.layers = {name: self._layer(name) for name in self._meshes}
        self._skin_normals = NormalBuilder(self.layers["body"].mesh_triangles, len(self._meshes["body"]))
        self._still_normals = {
            n: NormalBuilder(layer.mesh_triangles, len(self._meshes[n]))(self._meshes[n]) for n, layer in self.layers.items()
        }

    @property
    def rest(self) -> dict[str, np.ndarray]:
        """layer -> mesh vertices [V, 3] without expression and pose."""
        return self._meshes

    def _choose_parts(self) -> dict[str, Part]:
        spec = self.spec
        names = {
            "clothes": spec.clothes,
            "eyes": "eyes/high-poly",
            "teeth": spec.teeth,
            "tongue": "tongue/tongue01",
            "brows": spec.eyebrows,
            "lashes": spec.eyelashes,
            "hair": spec.hair,
        }
        return {kind: self.assets.part(name) for kind, name in names.items() if name}

    @staticmethod
    def _lining_retreat(assets: Assets) -> np.ndarray:
        """[M, 3] moves the pockets between cheeks and gums inwards; with some morphs they would come through the skin."""
        lining = assets.base.positions[assets.mouth_lining]
        depth = 0.07 * smoothstep(6.66, 6.76, lining[:, 1]) * smoothstep(1.2, 1.35, lining[:, 2])
        return np.stack([-0.1 * lining[:, 0] * (depth > 0), 0 * depth, -depth], axis=1)

    def _joint(self, name: str) -> np.ndarray:
        return self.neutral[self.assets.joint(name)].mean(axis=0)

    def _group_centre(self, name: str) -> np.ndarray:
        """Centre of the bounding box of a helper group (the eye proxies are balls)."""
        ball = self.neutral[self.assets.base.groups[name]]
        return (ball.min(axis=0) + ball.max(axis=0)) / 2

    def _lower_arms(self, shaped: np.ndarray) -> np.ndarray:
        lowered = shaped
        for side, sign in (("l", 1.0), ("r", -1.0)):
            pivot = shaped[self.assets.joint(f"{side}-shoulder")].mean(axis=0)
            reach = sign * (shaped[:, 0] - pivot[0])
            share = smoothstep(-0.35, 0.75, reach) * (sign * shaped[:, 0] > 0)
            vector = np.array([0, 0, -sign * np.radians(ARM_DROP_DEGREES)])
            lowered = rotate_by_share(lowered, share, vector, pivot)
        return lowered

    def _neutral_meshes(self) -> dict[str, np.ndarray]:
        meshes = {"body": self.neutral[:BODY_VERTICES]}
        for kind, part in self._parts.items():
            meshes[kind] = part.fit.apply(self.neutral, self._scales[kind])
        return meshes

    def _head_share(self, points: np.ndarray) -> np.ndarray:
        """[N] 0 on the trunk, 1 on the head. Level lines of y + 0.4 z run from the nape down to under the chin."""
        head = self._joint("head")
        low, high = self._neck[1] - 0.15, head[1] - 0.28
        share = smoothstep(low, high, points[:, 1] + 0.4 * (points[:, 2] - head[2] + 0.16))
        return np.where(np.abs(points[:, 0]) < 1.9, share, 0.0).astype(np.float32)

    def _layer(self, name: str) -> Layer:
        if name == "body":
            mesh, hidden = self.assets.base, np.zeros(len(self.assets.base.positions), bool)
            if "clothes" in self._parts:
                hidden[self._parts["clothes"].fit.hidden_vertices] = True
            keep = (mesh.triangles < BODY_VERTICES).all(axis=1) & ~hidden[mesh.triangles].all(axis=1)
        else:
            mesh = self._parts[name].mesh
            keep = np.ones(len(mesh.triangles), bool)
        positions = self._meshes[name]
        high = np.zeros(max(len(mesh.positions), len(positions)), bool)
        high[: len(positions)] = positions[:, 1] > self._lowest
        keep &= high[mesh.triangles].any(axis=1)
        source, uv, triangles = split_seams(mesh.triangles[keep], mesh.uv_triangles[keep])
        return Layer(name, source, mesh.uvs[uv], triangles, mesh.triangles[keep])

    def expressed(self, expression: dict[str, float]) -> np.ndarray:
        """The base mesh [V, 3] with an expression; eye balls are left where they are (pose() turns them rigidly)."""
        weights = {name if "/" in name else f"faceunits01/{name}": w for name, w in expression.items()}
        base = apply_targets(self.assets, self.neutral, weights)
        base[self._eye_proxy] = self.neutral[self._eye_proxy]
        return base

    def deformed(self, pose: Pose) -> dict[str, np.ndarray]:
        """Mesh vertices of every layer: expression, gaze, then head rotation and shift."""
        base = self.expressed(pose.expression)
        meshes = {"body": base[:BODY_VERTICES]}
        for kind, part in self._parts.items():
            still = kind in ("clothes", "hair") or not pose.expression
            meshes[kind] = self._meshes[kind] if still else part.fit.apply(base, self._scales[kind])
        meshes["eyes"] = self._gaze(meshes["eyes"], pose)
        turn = axis_angle(rotation(pose.yaw, pose.pitch, pose.roll))
        shift = np.asarray(pose.shift, np.float32)
        return {n: rotate_by_share(p, self._turn_share[n], turn, self._pivot) + shift for n, p in meshes.items()}

    def landmarks_of_shading(self, pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the mouth opening and the two eye balls are now, for the shader's darkening."""
        upper = self.neutral[self.assets.base.groups["helper-upper-teeth"]]
        front = np.array([0.0, upper[:, 1].min(), upper[:, 2].max() + 0.08])
        points = np.array([front, *self.eye_centres], np.float32)
        turn = axis_angle(rotation(pose.yaw, pose.pitch, pose.roll))
        turned = rotate_by_share(points, np.ones(3, np.float32), turn, self._pivot)
        return tuple(turned + np.asarray(pose.shift, np.float32))

    def _gaze(self, eyes: np.ndarray, pose: Pose) -> np.ndarray:
        turn = axis_angle(rotation(pose.gaze_yaw, pose.gaze_pitch, 0))
        for side, centre in zip((eyes[:, 0] > 0, eyes[:, 0] <= 0), self.eye_centres):
            eyes = rotate_by_share(eyes, side.astype(np.float32), turn, centre)
        return eyes

    def pose(self, pose: Pose) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """layer -> (positions [V, 3], unit normals [V, 3]) of its mesh vertices. An expression bends the skin's normals only."""
        turn = axis_angle(rotation(pose.yaw, pose.pitch, pose.roll))
        moved = self.deformed(pose)
        turned = {n: rotate_by_share(v, self._turn_share[n], turn, np.zeros(3)) for n, v in self._still_normals.items() if n != "body"}
        return {n: (p, self._skin_normals(p) if n == "body" else turned[n]) for n, p in moved.items()}

    def texture(self, name: str) -> tuple[Hashable, Callable[[], np.ndarray]]:
        """What tells a layer's texture from others, and its pixels [H, W, 4] uint8."""
        assets, spec = self.assets, self.spec
        paths = {
            "body": lambda: assets.root / "skins" / f"{spec.skin}.jpg",
            "eyes": lambda: assets.root / "eyes/materials" / f"{spec.eyes}_eye.png",
            "teeth": lambda: assets.root / "teeth/materials/teeth.png",
            "tongue": lambda: assets.texture_path("tongue/tongue01"),
            "clothes": lambda: assets.texture_path(spec.clothes),
            "hair": lambda: assets.texture_path(spec.hair),
            "brows": lambda: assets.texture_path(spec.eyebrows),
            "lashes": lambda: assets.texture_path(spec.eyelashes),
        }
        path = paths[name]()
        return path, lambda: assets.texture(path)

    def lining(self) -> np.ndarray:
        """Numbers of the body's render vertices inside the mouth; the lips' edge is there twice and counts as skin on its outer side."""
        layer = self.layers["body"]
        inside = np.isin(layer.mesh_triangles, self.assets.mouth_lining).all(axis=1)
        return np.unique(layer.triangles[inside])

    def appearance(self, name: str) -> dict:
        """Colour uniforms of a layer that differ from plain ones."""
        spec = self.spec
        if spec.stone:
            return {"tint": spec.stone, "tint_amount": CARVED.get(name, 1.0), "saturation": 0.0}
        special = {
            "body": {"gain": spec.skin_gain, "saturation": spec.skin_saturation},
            "clothes": {
                "gain": spec.clothes_gain,
                "tint": spec.clothes_colour or (0.0, 0.0, 0.0),
                "tint_amount": 0.85 if spec.clothes_colour else 0.0,
            },
            "eyes": {"saturation": spec.eye_saturation},
            "teeth": {"gain": (1.0, 0.97, 0.88)},
            "brows": {"tint": spec.brow_colour, "tint_amount": 1.0},
            "lashes": {"tint": (0.012, 0.01, 0.01), "tint_amount": 1.0},
            "hair": {
                "gain": (spec.hair_brightness,) * 3,
                "tint": spec.hair_colour or (0.0, 0.0, 0.0),
                "tint_amount": 0.8 if spec.hair_colour else 0.0,
            },
        }
        return special.get(name, {})
