"""A portrait's own 3-D head: the tracker's mesh with its depth, carried out over hair, ears, neck and shoulders, posed by a small motion.

Units: picture widths; x right, y down, z away. Rings outside of the face follow the head as points of an ellipsoid and let go towards the
body. Drawn with a depth buffer, a turn hides the far side instead of folding it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..networks.topology import FACE_OVAL, HEIGHT, INNER_LOWER_LIP, INNER_UPPER_LIP, LOWER_LIDS, UPPER_LIDS, WIDTH
from .head_pose import RIGID, head_pose
from .mesh_topology import BROW_RIDGES, CREASES, FACE_POINTS, POUCHES, RINGS, lid_ring, lip_ring, topology

SIDE_DEPTH = 0.7  # of what lies behind the eyes is kept: a portrait's cheek has no texture for all of it
SKULL = np.array([0.5, 0.86])  # half-axes of the ellipsoid, in face sizes; its middle is SKULL_UP above the outline's
SKULL_UP, SKULL_DEPTH = 0.11, 0.4
NECK = np.array([0.0, 0.75, 0.45])  # the pivot in head axes, from the eyes, in face sizes
LASH = 0.085  # of the eye's width: the row along the lids that keeps its height
BEYOND = 0.3  # how far outside of the picture the mesh ends


@dataclass
class Motion:
    """What moves a portrait's head; all zero is the portrait itself."""

    turn: np.ndarray = field(default_factory=lambda: np.zeros(3))  # yaw, pitch, roll in degrees, as head_pose.py signs them
    shift: np.ndarray = field(default_factory=lambda: np.zeros(2))  # face sizes
    zoom: float = 1.0
    deltas: np.ndarray = field(default_factory=lambda: np.zeros((FACE_POINTS, 3)))  # head axes, face sizes
    closure: np.ndarray = field(default_factory=lambda: np.zeros(2))  # 0 as in the portrait .. 1 shut
    gaze: np.ndarray = field(default_factory=lambda: np.zeros(2))  # right, down; eye widths

    def scaled(self, share: float) -> Motion:
        return Motion(
            *(share * v for v in (self.turn, self.shift)),
            1 + share * (self.zoom - 1),
            *(share * v for v in (self.deltas, self.closure, self.gaze)),
        )


@dataclass
class Posed:
    points: np.ndarray  # [V, 3] where each vertex stands
    source: np.ndarray  # [V, 2] what it shows, places in the portrait


def smoothstep(low, high, x):
    t = np.clip((x - low) / (np.asarray(high) - low), 0, 1)
    return t * t * (3 - 2 * t)


def turn_matrix(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Ry(yaw) Rx(pitch) Rz(roll), degrees, signed as head_pose.py reads them back: right, up, clockwise."""
    y, p, r = np.radians([-yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(-p), -np.sin(-p)], [0, np.sin(-p), np.cos(-p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


class HeadMesh:
    def __init__(self, landmarks: np.ndarray, alpha: np.ndarray):
        """`landmarks` [478, 3] of the portrait, `alpha` [H, H] 0..1 the person's share."""
        points = np.asarray(landmarks, np.float64)
        pose = head_pose(points)
        self.axes, self.centre = pose.rotation, points[RIGID].mean(axis=0)
        extents = [np.linalg.norm(points[a] - points[b]) for a, b in (WIDTH, HEIGHT)]
        self.size = float(np.sqrt(extents[0] * extents[1]))
        from_depth = self.centre[2] + 0.15 * self.size
        points[:, 2] = np.where(points[:, 2] > from_depth, from_depth + SIDE_DEPTH * (points[:, 2] - from_depth), points[:, 2])
        self.face = points[:FACE_POINTS]
        self.in_head = (self.face - self.centre) @ self.axes / self.size
        self.eye_width = [float(np.linalg.norm(self.face[UPPER_LIDS[e][0]] - self.face[UPPER_LIDS[e][-1]])) for e in (0, 1)]
        self._place_rings(alpha)
        self._measure_cuts()

    def lip_gap(self) -> float:
        """Mean opening of the lips in the portrait, face sizes."""
        return float((self.in_head[INNER_LOWER_LIP[1:-1], 1] - self.in_head[INNER_UPPER_LIP[1:-1], 1]).mean())

    def pose(self, motion: Motion, mouth_source: np.ndarray | None = None) -> Posed:
        """`mouth_source` [20, 2]: where the mouth's inside is taken from in another picture (lip_ring order); default: the portrait's
        own."""
        t = topology()
        rest, expressed = self.face, self._express(motion)
        moved = self._carry(expressed, motion)
        points, source = np.empty((t.count, 3)), np.empty((t.count, 2))
        points[:FACE_POINTS], source[:FACE_POINTS] = moved, rest[:, :2]
        self._pose_cuts(points, source, motion)
        for eye in (0, 1):
            self._pose_ball(eye, expressed, points, source, motion)
        lips = slice(t.first_mouth, t.first_ring)
        points[lips] = moved[lip_ring()]
        source[lips] = rest[lip_ring(), :2] if mouth_source is None else mouth_source
        points[t.first_ring :] = self._pose_rings(moved, motion)
        source[t.first_ring :] = self.ring_rest[:, :2]
        return Posed(points, source)

    # -- face

    def _express(self, motion: Motion) -> np.ndarray:
        """Landmarks of the face with its expression, before the head turns. Lids are set, not added: a tracker's blinks are half ones."""
        h = self.in_head + motion.deltas
        for eye in (0, 1):
            upper, lower = UPPER_LIDS[eye][1:-1], LOWER_LIDS[eye][1:-1]
            h[upper + lower] = self.in_head[upper + lower]
            fall = (h[lower, 1] - h[upper, 1]) * motion.closure[eye]
            for points, share in ((upper, 0.85), (CREASES[eye], 0.4), (BROW_RIDGES[eye], 0.08), (lower, -0.15), (POUCHES[eye], -0.1)):
                h[points, 1] += share * fall
        upper, lower = INNER_UPPER_LIP[1:-1], INNER_LOWER_LIP[1:-1]
        crossed = np.minimum(0, h[lower, 1] - h[upper, 1]) / 2
        h[upper, 1] += crossed
        h[lower, 1] -= crossed
        return self.centre + self.size * h @ self.axes.T

    def _carry(self, points: np.ndarray, motion: Motion) -> np.ndarray:
        """The head's rigid motion about the neck."""
        pivot = self.centre + self.size * self.axes @ NECK
        move = np.array([*(self.size * motion.shift), 0])
        return motion.zoom * (points - pivot) @ turn_matrix(*motion.turn).T + pivot + move

    def _measure_cuts(self) -> None:
        t = topology()
        edge = np.linalg.norm(self.face[t.cut_to, :2] - self.face[t.cut_from, :2], axis=1)
        self.cut_length = np.maximum(1e-5, np.minimum(LASH * np.array(self.eye_width)[t.cut_eye], 0.55 * edge))
        self.cut_rest = self.face[t.cut_from, :2] + (self.cut_length / np.maximum(edge, 1e-6))[:, None] * (
            self.face[t.cut_to, :2] - self.face[t.cut_from, :2]
        )

    def _pose_cuts(self, points: np.ndarray, source: np.ndarray, motion: Motion) -> None:
        """The lash row keeps its height; while a lid closes, its skin is taken from above the crease, for the crease's is dark and thin."""
        t = topology()
        edge = np.linalg.norm((points[t.cut_to] - points[t.cut_from])[:, :2], axis=1)
        share = np.minimum(self.cut_length * motion.zoom / np.maximum(edge, 1e-6), 0.6)[:, None]
        cuts = slice(t.first_cut, t.first_cut + len(t.cut_from))
        points[cuts] = points[t.cut_from] + share * (points[t.cut_to] - points[t.cut_from])
        source[cuts] = self.cut_rest
        for eye in (0, 1):
            shut = smoothstep(0.1, 0.9, motion.closure[eye])
            crease, ridge = self.face[CREASES[eye], :2], self.face[BROW_RIDGES[eye], :2]
            source[CREASES[eye]] = crease + 0.62 * shut * (ridge - crease)
            column = {v: i for i, v in enumerate(UPPER_LIDS[eye][1:-1])}
            for k in np.flatnonzero(t.cut_eye == eye):
                margin = t.cut_from[k]  # the margin's own edge is wet and white: where lids meet, lashes show instead
                source[margin] = self.face[margin, :2] + 0.8 * shut * (self.cut_rest[k] - self.face[margin, :2])
                if (i := column.get(int(t.cut_from[k]))) is not None:
                    wanted = crease[i] + 0.14 * (ridge[i] - crease[i]) - self.cut_rest[k]
                    source[t.first_cut + k] += 0.8 * shut * np.array([0.15 * wanted[0], min(0.0, wanted[1])])

    def _pose_ball(self, eye: int, expressed: np.ndarray, points: np.ndarray, source: np.ndarray, motion: Motion) -> None:
        """The eyeball keeps the skull's motion and slides with the gaze; lids cover it."""
        ring, first = lid_ring(eye), topology().first_ball[eye]
        balls = slice(first, first + len(ring))
        points[balls] = points[ring]
        shown = expressed[ring, :2].copy()
        column = np.r_[np.arange(9), np.arange(1, 8)] / 8
        shown -= np.sin(np.pi * column)[:, None] * motion.gaze * self.eye_width[eye] * (1 - max(0.0, motion.closure[eye]))
        top, bottom = self.face[UPPER_LIDS[eye], 1], self.face[LOWER_LIDS[eye], 1]
        pad = 0.06 * np.maximum(bottom - top, 0) * smoothstep(0, 0.3, motion.closure[eye])
        low, high = (np.r_[v, v[1:-1]] for v in (top + pad, bottom - pad))
        if motion.closure[eye] > 0:
            shown[:, 1] = np.clip(shown[:, 1], np.minimum(low, high), np.maximum(low, high))
        source[balls] = shown

    # -- rings

    def _place_rings(self, alpha: np.ndarray) -> None:
        oval = self.face[FACE_OVAL]
        middle = oval[:, :2].mean(axis=0)
        out = oval[:, :2] - middle
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        room = np.min(
            np.where(
                np.abs(out) > 1e-6,
                np.where(out > 0, 1 + BEYOND - oval[:, :2], -BEYOND - oval[:, :2]) / np.where(np.abs(out) > 1e-6, out, 1),
                np.inf,
            ),
            axis=1,
        )
        room = np.maximum(room, 0.1 * self.size)
        near = RINGS[:, None] * self.size * np.minimum(1, 0.9 * room / (RINGS[-1] * self.size))
        away = np.vstack([near, room])  # [rings, spokes]
        place = oval[None, :, :2] + away[..., None] * out
        d, at_head = away / self.size, (place - middle) @ self.axes[:2, :2] / self.size
        self.ring_rest = np.concatenate([place, self._ring_depth(d, at_head)[..., None]], axis=-1).reshape(-1, 3)
        self.ring_head = self._head_share(d, at_head)
        x, y = (np.clip(place[-1] * alpha.shape[0], 0, alpha.shape[0] - 1).astype(int)).T
        self.ring_head[-1] *= alpha[y, x] < 0.2  # where the person reaches the border, the border must not come loose
        self.ring_outline = 1 - smoothstep(0, 0.25, d)

    def _ring_depth(self, d: np.ndarray, at_head: np.ndarray) -> np.ndarray:
        """From the outline's own depth back to the ellipsoid, its middle plane further out."""
        oval = self.face[FACE_OVAL, 2]
        temples = self.face[[127, 356, 234, 454], 2].mean()
        inside = 1 - (((at_head + [0, SKULL_UP]) / SKULL) ** 2).sum(axis=-1)
        proxy = temples - SKULL_DEPTH * self.size * np.sqrt(np.maximum(0, inside))
        return oval + (np.maximum(proxy, oval) - oval) * smoothstep(0, 0.22, d)

    @staticmethod
    def _head_share(d: np.ndarray, at_head: np.ndarray) -> np.ndarray:
        """1 moves with the head, 0 stays with the body."""
        x, y = np.abs(at_head[..., 0]), at_head[..., 1]
        neck = 1 - smoothstep(0, 0.8, d) * smoothstep(0.2, 0.55, y)
        return neck * (1 - smoothstep(0.45, 1.15, y)) * (1 - smoothstep(0.9, 1.6, x))

    def _pose_rings(self, moved: np.ndarray, motion: Motion) -> np.ndarray:
        carried = self._carry(self.ring_rest, motion)
        residual = moved[FACE_OVAL] - self._carry(self.face[FACE_OVAL], motion)
        residuals = []
        for _ in range(len(RINGS) + 1):  # the further out, the less one point of the jaw matters
            residual = (np.roll(residual, 1, axis=0) + 2 * residual + np.roll(residual, -1, axis=0)) / 4
            residuals.append(residual)
        head = self.ring_head.reshape(-1, 1)
        points = self.ring_rest + head * (carried - self.ring_rest) + self.ring_outline.reshape(-1, 1) * np.concatenate(residuals)
        return points
