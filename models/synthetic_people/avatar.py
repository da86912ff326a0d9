"""A rigged head-and-shoulder avatar of the VALID set, with a Person's interface: the renderer, the exact flow and the motions serve it
unchanged."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from .geometry import NormalBuilder, axis_angle, rotate_by_share, rotation
from .person import Layer, Pose

SCALE = 10.0  # metres -> decimetres, the renderer's unit
EYES_AT = np.array([0.0, 7.0, 1.0])  # where the middle of the eyes is put
HEAD_JOINTS = ("Head", "LeftEye", "RightEye", "HeadEnd")
NECK_SHARE = 0.45  # of the head's turn
ARM_DROP_DEGREES = 68.0  # from the T-pose
MOUTH_REACH, MOUTH_DEPTH = (
    0.5,
    0.25,
)  # decimetres: the mouth's inside lies within the first of its middle, which is so far behind the teeth's front
SOFT_CLIP = 1e-6

SIDES = {"Left": "L", "Right": "R"}
# ARKit's names -> the avatar's morphs; {s} is the side.
PAIRS = {
    "eyeBlink": {"{s}eyeClose": 1.0}, "eyeWide": {"{s}eyeOpen": 1.0}, "eyeSquint": {"{s}squint": 0.8}, "cheekSquint": {"{s}squint": 0.5,
    "{s}lowLid": 0.4},
    "browDown": {"{s}browDown": 0.8}, "browOuterUp": {"{s}{s}browUp": 1.0}, "noseSneer": {"{s}disgust": 0.7, "{s}nostril": 0.5},
    "mouthSmile": {"{s}smileClose": 0.9}, "mouthFrown": {"{s}mouthSad": 0.9}, "mouthStretch": {"{s}lipSide": 0.8},
    "mouthDimple": {"{s}lipCorner": 0.7},
    "mouthUpperUp": {"{s}lipUp": 0.9}, "mouthLowerDown": {"{s}lipDown": 0.9}, "mouthPress": {"JawCompress": 0.25},
}  # fmt: skip
SINGLES = {
    "browInnerUp": {"LbrowUp": 0.8, "RbrowUp": 0.8}, "cheekPuff": {"Lblow": 0.8, "Rblow": 0.8}, "jawForward": {"JawFront": 0.8},
    "jawLeft": {"Ljaw": 0.8},
    "jawRight": {"Rjaw": 0.8}, "mouthFunnel": {"UH_OO": 0.9}, "mouthPucker": {"Kiss": 0.9}, "mouthLeft": {"Ljaw": 0.4},
    "mouthRight": {"Rjaw": 0.4},
    "mouthRollLower": {"MPB_Down": 0.8}, "mouthRollUpper": {"MPB_Up": 0.8}, "mouthShrugLower": {"Chin": 0.7}, "tongueOut": {},
    "aa_02": {"AE_AA": 1.0}, "aa_ah_ax_01": {"Ax_E": 0.9}, "ao_03": {"AO_a": 1.0}, "aw_09": {"AO_a": 0.9}, "ay_11": {"AE_AA": 0.9},
    "d_t_n_19": {"TD_I": 0.9},
    "er_05": {"UH_OO": 0.5}, "ey_eh_uh_04": {"Ax_E": 1.0}, "f_v_18": {"FV": 1.0}, "h_12": {"H_EST": 0.9}, "k_g_ng_20": {"KG": 0.9},
    "l_14": {"TD_I": 0.8},
    "ow_08": {"UH_OO": 0.9}, "oy_10": {"AO_a": 0.8}, "p_b_m_21": {"MPB_Up": 0.8, "MPB_Down": 0.8}, "r_13": {"UH_OO": 0.6},
    "s_z_15": {"S": 1.0},
    "sh_ch_jh_zh_16": {"SH_CH": 1.0}, "th_dh_17": {"TD_I": 0.7}, "w_uw_07": {"UW_U": 1.0}, "y_iy_ih_ix_06": {"TD_I": 0.9},
}  # fmt: skip


@dataclass(frozen=True)
class Rig:
    """What is read of a file, in metres: y up, z to the viewer. Parts: body, eyes, teeth, hair."""

    name: str
    parts: dict[str, Part]
    joints: dict[str, np.ndarray]  # Head, Neck, LeftArm, RightArm, LeftEye, RightEye -> [3]
    textures: dict[str, np.ndarray]  # part -> [H, W, 4] uint8


@dataclass(frozen=True)
class Part:
    positions: np.ndarray  # [V, 3]
    uvs: np.ndarray  # [V, 2] from the top left
    triangles: np.ndarray  # [F, 3]
    morphs: dict[str, np.ndarray]  # plain name ("eyeClose" with its side: "LeyeClose") -> [V, 3]
    weights: dict[str, np.ndarray]  # joint -> [V]


def morphs_of(expression: dict[str, float], shout: float) -> dict[str, float]:
    """ARKit weights (and "visemes01/..." ones) as the avatar's. `shout`: how much of a dropped jaw is a shout, 0..1."""
    out: dict[str, float] = {}

    def add(names: dict[str, float], weight: float, side: str = "") -> None:
        for name, share in names.items():
            name = name.replace("{s}", side)
            out[name] = out.get(name, 0.0) + share * weight

    for name, weight in expression.items():
        name = name.removeprefix("visemes01/")
        side = next((s for s in SIDES if name.endswith(s)), None)
        if name == "jawOpen":
            wide = shout * float(np.clip(2 * weight - 1, 0, 1))
            add({"MouthOpen": weight * (1 - wide), "Shout": weight * wide}, 1.0)
        elif side and name.removesuffix(side) in PAIRS:
            add(PAIRS[name.removesuffix(side)], weight, SIDES[side])
        else:
            add(SINGLES[name], weight)
    for side in SIDES.values():  # a smile with the teeth shown is a morph of its own
        smile, raised = out.get(f"{side}smileClose", 0.0), min(1.0, 1.4 * out.get(f"{side}lipUp", 0.0) + 2 * expression.get("jawOpen", 0.0))
        if smile > 0:
            out[f"{side}smileClose"], out[f"{side}smileOpen"] = smile * (1 - raised), smile * raised
    return {name: float(np.clip(weight, 0, 1.1)) for name, weight in out.items()}


class Avatar:
    """`layers` never change; `pose` gives their positions and normals for one moment."""

    def __init__(
        self,
        rig: Rig,
        below_eyes: float,
        *,
        shout: float = 0.0,
        calm: dict[str, float] | None = None,
        skin_gain: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ):
        """`below_eyes`: decimetres under the eyes that are drawn; `calm`: the avatar's own morphs at rest, for these faces frown a
        little."""
        self.rig, self._shout, self._gain = rig, shout, skin_gain
        eyes = np.mean([rig.joints["LeftEye"], rig.joints["RightEye"]], axis=0)
        self._move = lambda points: ((points - eyes) * SCALE + EYES_AT).astype(np.float32)
        self._pivot = self._move(rig.joints["Head"] * 0.6 + rig.joints["Neck"] * 0.4)
        self.layers: dict[str, Layer] = {}
        self._meshes: dict[str, np.ndarray] = {}
        self._morphs: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
        self._turn_share: dict[str, np.ndarray] = {}
        for name, part in rig.parts.items():
            self._add(name, part, EYES_AT[1] - below_eyes, calm or {})
        self.eye_centres = [self._eye_centre(1), self._eye_centre(-1)]
        self._skin_normals = NormalBuilder(self.layers["body"].mesh_triangles, len(self._meshes["body"]))
        self._still_normals = {
            n: NormalBuilder(layer.mesh_triangles, len(self._meshes[n]))(self._meshes[n]) for n, layer in self.layers.items()
        }

    @property
    def rest(self) -> dict[str, np.ndarray]:
        """layer -> mesh vertices [V, 3] without expression and pose."""
        return self._meshes

    def _add(self, name: str, part: Part, lowest: float, calm: dict[str, float]) -> None:
        """A layer of the triangles that are high enough; vertices that only a texture's seam divides are one in the mesh."""
        positions = self._arms_down(self._move(part.positions), part.weights)
        triangles = part.triangles[(positions[part.triangles][..., 1] > lowest).any(axis=1)]
        used, triangles = np.unique(triangles, return_inverse=True)
        triangles = triangles.reshape(-1, 3)
        _, first, source = np.unique(np.round(part.positions[used] * 1e5).astype(np.int64), axis=0, return_index=True, return_inverse=True)
        source, kept = source.reshape(-1), used[first]
        uvs = part.uvs[used] * [1, -1] + [0, 1]
        self.layers[name] = Layer(name, source, uvs, triangles.astype(np.int32), source[triangles])
        morphs = {m: part.morphs[m][kept] * SCALE for m in part.morphs}
        moving = {m: np.flatnonzero(np.abs(d).max(axis=1) > SOFT_CLIP * SCALE) for m, d in morphs.items()}
        self._morphs[name] = {m: (index, morphs[m][index].astype(np.float32)) for m, index in moving.items() if len(index)}
        self._meshes[name] = self._moved(name, positions[kept], calm)
        share = sum((part.weights[j] for j in HEAD_JOINTS if j in part.weights), np.zeros(len(part.positions)))
        self._turn_share[name] = (share + NECK_SHARE * part.weights.get("Neck", 0))[kept].astype(np.float32)

    def _arms_down(self, positions: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
        for side, sign in (("Left", 1.0), ("Right", -1.0)):
            joints = [j for j in weights if j.startswith(side) and any(part in j for part in ("Arm", "Hand"))]
            share = sum((weights[j] for j in joints), np.zeros(len(positions)))
            if share.any():
                turn = np.array([0, 0, -sign * np.radians(ARM_DROP_DEGREES)])
                positions = rotate_by_share(positions, share.astype(np.float32), turn, self._move(self.rig.joints[f"{side}Arm"]))
        return positions

    def _moved(self, name: str, positions: np.ndarray, morphs: dict[str, float]) -> np.ndarray:
        moved = positions.copy()
        for morph, weight in morphs.items():
            if weight and morph in self._morphs[name]:
                index, delta = self._morphs[name][morph]
                moved[index] += np.float32(weight) * delta
        return moved

    def _eye_centre(self, side: int) -> np.ndarray:
        """The ball's, of which the mesh is the front: as far behind it as it is half as wide."""
        ball = self._meshes["eyes"][side * self._meshes["eyes"][:, 0] > 0]
        low, high = ball.min(axis=0), ball.max(axis=0)
        return np.array([*(low + high)[:2] / 2, high[2] - (high[0] - low[0]) / 2], np.float32)

    def deformed(self, pose: Pose) -> dict[str, np.ndarray]:
        """Mesh vertices of every layer: expression, gaze, then head rotation and shift."""
        morphs = morphs_of(pose.expression, self._shout)
        meshes = {name: self._moved(name, still, morphs) for name, still in self._meshes.items()}
        look = axis_angle(rotation(pose.gaze_yaw, pose.gaze_pitch, 0))
        for side, centre in zip((1, -1), self.eye_centres):
            share = (side * meshes["eyes"][:, 0] > 0).astype(np.float32)
            meshes["eyes"] = rotate_by_share(meshes["eyes"], share, look, centre)
        turn = axis_angle(rotation(pose.yaw, pose.pitch, pose.roll))
        shift = np.asarray(pose.shift, np.float32)
        return {n: rotate_by_share(p, self._turn_share[n], turn, self._pivot) + shift for n, p in meshes.items()}

    def pose(self, pose: Pose) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """layer -> (positions [V, 3], unit normals [V, 3]) of its mesh vertices."""
        turn = axis_angle(rotation(pose.yaw, pose.pitch, pose.roll))
        moved = self.deformed(pose)
        turned = {n: rotate_by_share(v, self._turn_share[n], turn, np.zeros(3)) for n, v in self._still_normals.items() if n != "body"}
        return {n: (p, self._skin_normals(p) if n == "body" else turned[n]) for n, p in moved.items()}

    def landmarks_of_shading(self, pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the mouth opening and the two eye balls are now, for the shader's darkening."""
        points = np.array([self._teeth_front(), *self.eye_centres], np.float32)
        turn = axis_angle(rotation(pose.yaw, pose.pitch, pose.roll))
        turned = rotate_by_share(points, np.ones(3, np.float32), turn, self._pivot)
        return tuple(turned + np.asarray(pose.shift, np.float32))

    def _teeth_front(self) -> np.ndarray:
        teeth = self._meshes["teeth"]
        front = teeth[teeth[:, 2] > teeth[:, 2].max() - 0.05]
        return np.array([0.0, np.median(front[:, 1]), teeth[:, 2].max() + 0.05])

    def lining(self) -> np.ndarray:
        """Render vertices of the body inside the mouth: those around the teeth whose surface looks inwards."""
        mesh, normals, front = self._meshes["body"], self._still_normals["body"], self._teeth_front()
        out = mesh - (front - [0, 0, MOUTH_DEPTH])
        inside = (np.linalg.norm(out * [1, 1, 0.7], axis=1) < MOUTH_REACH) & ((out * normals).sum(axis=1) < 0)
        layer = self.layers["body"]
        return np.unique(layer.triangles[inside[layer.mesh_triangles].all(axis=1)])

    def texture(self, name: str) -> tuple[Hashable, Callable[[], np.ndarray]]:
        return (self.rig.name, name), lambda: self.rig.textures[name]

    def appearance(self, name: str) -> dict:
        return {"gain": self._gain, "saturation": 0.92} if name == "body" else {}
